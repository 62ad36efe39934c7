/* The tablet's screens: idle → rate → (bad only) reasons → thanks → idle. ES5. The texts stand in the page. */
(function (d, w) {
  "use strict";
  var told = JSON.parse(d.getElementById("told").textContent);
  var screens = ["idle", "rate", "reasons", "thanks", "stopped"];
  var current = "idle", call = null, next = null, tap = null, timer = 0, ends = 0, sounds = {}, audio = null;
  var isOld = false, isStopped = false; /* the page is not the newest; the device was stopped */

  function id(name) { return d.getElementById(name); }
  function all(selector) { return [].slice.call(d.querySelectorAll(selector)); }
  function setting(name, value) {
    try {
      if (value === undefined) { return w.localStorage.getItem("hcp-device-" + name); }
      w.localStorage.setItem("hcp-device-" + name, value);
    } catch (ignored) { /* a choice that is not remembered is still a choice */ }
    return value;
  }
  var HANDLED = "handled-" + told.id; /* each window counts its own calls: a tablet that moved begins anew */
  var handled = Number(setting(HANDLED)) || 0;

  function show(name) {
    if (isStopped && name !== "stopped") { return; }
    current = name;
    screens.forEach(function (each) { id(each).hidden = each !== name; });
    d.body.className = "on-" + name;
    var title = id(name + "-title");
    if (name !== "idle" && title) { title.focus(); }
    w.scrollTo(0, 0);
  }

  /* Seconds run down in sight of the citizen; `over` is called once. */
  function countdown(seconds, over) {
    w.clearInterval(timer);
    ends = w.performance.now() + seconds * 1000; /* whatever happens to the clock */
    function tick() {
      var left = Math.max(0, Math.ceil((ends - w.performance.now()) / 1000));
      all("[data-count]").forEach(function (place) { place.textContent = left + " 秒后自动返回"; });
      if (!left) { w.clearInterval(timer); over(); }
    }
    timer = w.setInterval(tick, 500);
    tick();
  }

  function done(seq) {
    if (seq > handled) { handled = seq; setting(HANDLED, String(seq)); }
  }

  function idle() {
    w.clearInterval(timer);
    call = tap = null;
    show("idle");
    if (next) { var waiting = next; next = null; ring(waiting); }
    if (isOld && current === "idle") { renew(); }
  }

  /* Not while the only copy of a tap lies in this page's memory. */
  function renew() { if (!w.hcpStore.isAtRisk()) { w.location.reload(); } }

  /* A finished service: the screen opens for it, unless somebody is just saying why they are not content. */
  function ring(newer) {
    if (newer.seq <= handled || (call && call.seq >= newer.seq)) { return; }
    if (current === "reasons" || current === "thanks" || tap) { next = newer; return; }
    if (current === "stopped") { return; }
    if (call) { silence(call); }
    open(newer);
  }

  function open(given) {
    call = given;
    tap = null;
    id("what").textContent = call && call.item ? "办理事项：" + call.item : told.window;
    show("rate");
    say("rate");
    countdown(told.seconds.tap, function () {
      if (call) { silence(call); }
      idle();
    });
  }

  function made(level) {
    return { uuid: w.hcpStore.uuid(), device: told.id, tappedAt: Date.now(), session: w.hcpStore.session, ticks: w.performance.now(), level: level, tags: [], projectNo: call ? call.projectNo : "", serviceNumber: call ? call.serviceNumber : 1 };
  }

  /* Nobody tapped: that, and no level. */
  function silence(unanswered) {
    var nothing = made(null);
    nothing.projectNo = unanswered.projectNo;
    nothing.serviceNumber = unanswered.serviceNumber;
    done(unanswered.seq);
    w.hcpStore.put(nothing).then(w.hcpLine.flush);
  }

  function choose(level) {
    if (current !== "rate" || tap) { return; }
    w.clearInterval(timer);
    tap = made(level);
    tap.held = level <= 2; /* on disk at once; it goes up when the reasons are said, skipped, or the tablet restarts */
    w.hcpStore.put(tap).then(function () {
      if (call) { done(call.seq); }
      if (tap.held) { why(); } else { thank(); }
    });
  }

  function why() {
    var box = id("tags");
    box.textContent = "";
    (told.tags[tap.level] || []).forEach(function (tag) {
      var button = d.createElement("button");
      button.type = "button";
      button.textContent = tag.name;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", function () {
        var is = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(is));
        tap.tags = tap.tags.filter(function (code) { return code !== tag.code; }).concat(is ? [tag.code] : []);
      });
      box.appendChild(button);
    });
    show("reasons");
    countdown(told.seconds.reasons, settle);
  }

  function settle() {
    if (current !== "reasons") { return; }
    w.clearInterval(timer);
    tap.held = false;
    w.hcpStore.put(tap).then(thank);
  }

  function thank() {
    show("thanks");
    say("thanks");
    w.hcpLine.flush();
    w.setTimeout(idle, told.seconds.thanks * 1000);
  }

  /* Sounds are loaded once; the text stands on the screen in any case. */
  function say(name) {
    var Context = w.AudioContext || w.webkitAudioContext;
    if (setting("mute") === "1" || !Context) { return; }
    audio = audio || new Context();
    if (audio.state === "suspended") { audio.resume().catch(function () { return null; }); }
    sounds[name] = sounds[name] || w.fetch(told.assets[name]).then(function (answer) { return answer.arrayBuffer(); }).then(function (bytes) {
      return new Promise(function (good, bad) { audio.decodeAudioData(bytes, good, bad); });
    });
    sounds[name].then(function (buffer) {
      var source = audio.createBufferSource();
      source.buffer = buffer;
      source.connect(audio.destination);
      source.start();
      d.body.setAttribute("data-said", name);
    }, function () { delete sounds[name]; });
  }

  function toggle(name, apply) {
    var button = id(name);
    function set(value) { button.setAttribute("aria-pressed", String(value === "1")); apply(value === "1"); }
    button.addEventListener("click", function () { var value = button.getAttribute("aria-pressed") === "true" ? "0" : "1"; setting(name, value); set(value); });
    set(setting(name) || "0");
  }

  function clock() {
    var now = new Date(Date.now() + 288e5); /* Beijing time, whatever zone the tablet was set to */
    id("clock").textContent = ("0" + now.getUTCHours()).slice(-2) + ":" + ("0" + now.getUTCMinutes()).slice(-2);
    id("date").textContent = now.getUTCFullYear() + "年" + (now.getUTCMonth() + 1) + "月" + now.getUTCDate() + "日 星期" + "日一二三四五六".charAt(now.getUTCDay());
  }

  all(".face").forEach(function (face) { face.addEventListener("click", function () { choose(Number(face.getAttribute("data-level"))); }); });
  id("start").addEventListener("click", function () { if (current === "idle") { open(null); } });
  id("later").addEventListener("click", function () { if (tap) { return; } if (call) { silence(call); } idle(); });
  id("done").addEventListener("click", settle);
  id("skip").addEventListener("click", function () { if (tap) { tap.tags = []; } settle(); });
  d.addEventListener("keydown", function (event) {
    if (/^[1-5]$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) { choose(Number(event.key)); }
  });
  toggle("mute", function () { return null; });
  toggle("large", function (is) { d.documentElement.className = is ? "elder" : ""; });
  clock();
  w.setInterval(clock, 1000);

  /* What waits for its way up is not to be cleared away when the disk runs full. */
  if (w.navigator.storage && w.navigator.storage.persist) { w.navigator.storage.persist().catch(function () { return null; }); }

  if ("serviceWorker" in w.navigator) {
    w.navigator.serviceWorker.register("/device/worker.js", { scope: "/device/" }).then(function () { return w.navigator.serviceWorker.ready; }).then(function () {
      return w.caches.open("hcp-device-pages").then(function (cache) { return cache.add(w.location.pathname); });
    }).then(function () { d.documentElement.setAttribute("data-offline", "ready"); }).catch(function () { return null; });
  }

  w.hcpLine.start(told, {
    call: ring,
    handled: function () { return Math.max(handled, call ? call.seq : 0); },
    sign: function (online, n) { id("sign").textContent = online ? (n ? "正在上传 " + n + " 条" : "") : (n ? "离线，已暂存 " + n + " 条" : "离线，评价可照常进行"); },
    edition: function () { isOld = true; if (current === "idle") { renew(); } },
    stopped: function (message) {
      w.clearInterval(timer);
      isStopped = true;
      if (tap && tap.held) { tap.held = false; w.hcpStore.put(tap).then(w.hcpLine.flush); }
      id("stopped-title").textContent = "这台设备已停用";
      id("stopped-why").textContent = message;
      show("stopped");
    }
  });

  /* What a power cut interrupted is as good as said. */
  function release() {
    return w.hcpStore.all().then(function (taps) {
      var left = taps.filter(function (each) { return each.held && !(tap && tap.uuid === each.uuid); });
      return Promise.all(left.map(function (each) { each.held = false; return w.hcpStore.put(each); }));
    }).then(w.hcpLine.flush);
  }

  /* Not while another tab of this device is open: somebody may be saying there why they are not content. */
  if (w.navigator.locks) {
    w.navigator.locks.request("hcp-device", function () { release(); return new Promise(function () { return null; }); }).catch(release);
  } else {
    release();
  }
}(document, window));
