/* The line to the server: hands over what is kept, listens for the doorbell, asks for the truth. ES5.
   hcpLine.start(told, {call, sign, stopped, edition, handled}) */
(function (w) {
  "use strict";
  var MOST = 500, QUIET = 45000, TRUTH = 300000, ASK = 5000, RETRY_MOST = 300000, STEADY = 5000, MONTH = 30 * 86400000;
  var told, on, base, source, lastHeard = -Infinity, lastAsked = -Infinity, online = true, isStopped = false;
  var flushing = false, again = false, failures = 0, later = 0, reopening = 0;

  function jitter(ms) { return ms * (0.5 + Math.random()); }

  function show() {
    return w.hcpStore.all().then(function (taps) { on.sign(online, taps.length); return taps; });
  }

  /* Milliseconds that no change of the tablet's clock moves. */
  function ticks() { return w.performance.now(); }

  function heard() { lastHeard = ticks(); if (!online) { online = true; show(); } }
  function lost() { if (online) { online = false; show(); } }

  function retryLater() {
    failures += 1;
    w.clearTimeout(later);
    later = w.setTimeout(flush, jitter(Math.min(RETRY_MOST, 1000 * Math.pow(2, failures))));
  }

  /* Everything that is settled goes up, the oldest first; only an outcome takes a tap off the device. */
  function flush() {
    if (flushing) { again = true; return; }
    flushing = true;
    w.clearTimeout(later);
    show().then(function (taps) {
      var ready = taps.filter(function (tap) { return !tap.held; });
      if (!ready.length) { failures = 0; return false; }
      return send(ready.slice(0, MOST), taps.length);
    }).then(function (more) {
      flushing = false;
      show();
      if (more || again) { again = false; flush(); }
    }, function () {
      flushing = false;
      again = false;
      retryLater();
    });
  }

  /* As it goes up: with its real age where the tablet's clock was put right (back, or from a factory date) since the tap.
     A month, because the ticks stand still while a tablet sleeps. */
  function dated(tap) {
    var age = ticks() - tap.ticks, byClock = Date.now() - tap.tappedAt;
    var isMoved = tap.session === w.hcpStore.session && (byClock < age - STEADY || byClock > age + MONTH);
    return {
      uuid: tap.uuid, device: tap.device, tappedAt: isMoved ? Math.round(Date.now() - age) : tap.tappedAt, level: tap.level,
      tags: tap.tags, projectNo: tap.projectNo, serviceNumber: tap.serviceNumber
    };
  }

  function send(batch, waiting) {
    var body = JSON.stringify({ waiting: waiting - batch.length, ratings: batch.map(dated) });
    return w.hcpStore.sign("POST", base + "/ratings", body).then(function (headers) {
      headers["Content-Type"] = "application/json";
      return w.fetch(base + "/ratings", { method: "POST", credentials: "same-origin", headers: headers, body: body });
    }).then(function (answer) {
      if (!answer.ok) { heard(); throw new Error(String(answer.status)); }
      return answer.json();
    }, function (error) { lost(); throw error; }).then(function (answer) {
      var done = batch.filter(function (tap, n) { return answer.results[n] && answer.results[n].outcome; });
      heard();
      failures = 0;
      return w.hcpStore.remove(done.map(function (tap) { return tap.uuid; })).then(function () { return done.length > 0; });
    });
  }

  /* The truth: the call that waits, if any, and whether this device may still work. */
  function ask() {
    if (isStopped) { return; }
    lastAsked = ticks();
    w.hcpStore.all().then(function (taps) {
      var query = "?after=" + on.handled() + "&waiting=" + taps.length + "&version=" + told.edition;
      return w.fetch(base + "/state" + query, { credentials: "same-origin", cache: "no-store" });
    }).then(function (answer) {
      if (answer.status === 403) { return answer.json().then(function (no) { stop(no.error.message); }); }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.json().then(function (state) {
        online = true;
        if (state.call) { on.call(state.call); }
        if (state.edition !== told.edition) { on.edition(); }
        flush();
      });
    }).catch(lost);
  }

  function stop(message) {
    isStopped = true;
    if (source) { source.close(); }
    on.stopped(message);
    flush(); /* what it still holds is kept by the server for somebody to look at */
  }

  function listen() {
    if (isStopped || !w.EventSource) { return; }
    source = new w.EventSource(base + "/events");
    source.onopen = function () { heard(); ask(); };
    source.addEventListener("call", function () { heard(); ask(); });
    source.addEventListener("beat", function () { heard(); flush(); });
    source.addEventListener("revoked", ask);
    source.onerror = function () {
      if (source.readyState !== 2) { lost(); return; } /* it comes back by itself */
      w.clearTimeout(reopening);
      ask();
      reopening = w.setTimeout(listen, jitter(ASK));
    };
  }

  function watch() {
    if (isStopped) { return; }
    /* A line that stands says nothing of a page that has changed: the truth is asked for now and then in any case. */
    if (ticks() - lastHeard > QUIET || ticks() - lastAsked > TRUTH) { ask(); }
    w.setTimeout(watch, jitter(ASK));
  }

  w.hcpLine = {
    start: function (config, handlers) {
      told = config;
      on = handlers;
      base = "/device/" + told.id;
      w.addEventListener("online", function () { failures = 0; flush(); ask(); });
      w.addEventListener("offline", lost);
      listen();
      ask();
      watch();
    },
    flush: flush,
    ask: ask
  };
}(window));
