/* What a device keeps: its key, which cannot be exported, and the taps that the server has not answered yet.
   ES5. IndexedDB; where that fails localStorage; where that fails too the memory of this page. */
(function (w) {
  "use strict";
  var NAME = "hcp-device", LINE = "hcp-tap-", PATIENCE = 5000;
  var opened = null;
  var memory = {};

  function open() {
    if (opened) { return opened; }
    opened = new Promise(function (done, fail) {
      if (!w.indexedDB) { fail(new Error("no IndexedDB")); return; }
      var asked = w.indexedDB.open(NAME, 1);
      asked.onupgradeneeded = function () {
        asked.result.createObjectStore("key", { keyPath: "id" });
        asked.result.createObjectStore("taps", { keyPath: "uuid" });
      };
      asked.onsuccess = function () {
        asked.result.onclose = function () { opened = null; };
        done(asked.result);
      };
      asked.onerror = asked.onblocked = function () { fail(asked.error || new Error("blocked")); };
    });
    opened.catch(function () { opened = null; });
    return opened;
  }

  /* A database that does not answer at all has failed: the citizen stands there. */
  function inTime(promise) {
    return new Promise(function (done, fail) {
      var late = w.setTimeout(function () { opened = null; fail(new Error("no answer")); }, PATIENCE);
      promise.then(function (found) { w.clearTimeout(late); done(found); }, function (error) { w.clearTimeout(late); fail(error); });
    });
  }

  /* Runs `work(store)` in a transaction that is on disk when the promise is kept. */
  function within(name, mode, work) {
    return inTime(open().then(function (db) {
      return new Promise(function (done, fail) {
        var deal, asked;
        try { deal = db.transaction(name, mode, { durability: "strict" }); } catch (error) { opened = null; fail(error); return; }
        asked = work(deal.objectStore(name));
        deal.oncomplete = function () { done(asked ? asked.result : undefined); };
        deal.onerror = deal.onabort = function () { fail(deal.error || new Error("not written")); };
      });
    }));
  }

  function lines() {
    var found = [], n, name;
    try {
      for (n = 0; n < w.localStorage.length; n += 1) {
        name = w.localStorage.key(n);
        if (name.indexOf(LINE) === 0) { found.push(JSON.parse(w.localStorage.getItem(name))); }
      }
    } catch (ignored) { /* no localStorage here */ }
    return found;
  }

  function remembered() { return Object.keys(memory).map(function (uuid) { return memory[uuid]; }); }

  function forget(uuid) {
    delete memory[uuid];
    try { w.localStorage.removeItem(LINE + uuid); } catch (ignored) { /* no localStorage here */ }
  }

  /* Kept once the promise is: only then may the citizen be thanked. */
  function put(tap) {
    return within("taps", "readwrite", function (store) { return store.put(tap); }).then(function () {
      forget(tap.uuid);
    }, function () {
      try { w.localStorage.setItem(LINE + tap.uuid, JSON.stringify(tap)); } catch (ignored) { memory[tap.uuid] = tap; }
    });
  }

  /* Every tap once, oldest first. */
  function all() {
    return within("taps", "readonly", function (store) { return store.getAll(); }).catch(function () { return []; }).then(function (kept) {
      var seen = {};
      kept.concat(lines(), remembered()).forEach(function (tap) { seen[tap.uuid] = tap; });
      return Object.keys(seen).map(function (uuid) { return seen[uuid]; }).sort(function (a, b) { return a.tappedAt - b.tappedAt; });
    });
  }

  function remove(uuids) {
    uuids.forEach(forget);
    return within("taps", "readwrite", function (store) { uuids.forEach(function (uuid) { store.delete(uuid); }); }).catch(function () { /* asked again, answered “repeat” */ });
  }

  function makeKey() {
    return w.crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  }

  /* A key on trial stands beside the device's own: a code that turns out wrong must not cost a working tablet its key. */
  function tryKey(pair) {
    return within("key", "readwrite", function (store) { return store.put({ id: "next", device: "", key: pair.privateKey }); });
  }

  function keepKey(pair, device) {
    return within("key", "readwrite", function (store) {
      store.put({ id: "own", device: device, key: pair.privateKey });
      store.delete("next");
    });
  }

  /* The key of that device; the one on trial if the page ended between the server's yes and `keepKey`. */
  function key(device) {
    return within("key", "readonly", function (store) { return store.getAll(); }).then(function (rows) {
      function named(test) { return rows.filter(test)[0]; }
      var row = named(function (each) { return each.device === device; }) || named(function (each) { return each.id === "next"; }) || rows[0];
      return row ? row.key : null;
    });
  }

  function exportPublic(pair) {
    return w.crypto.subtle.exportKey("raw", pair.publicKey).then(function (raw) {
      return w.btoa(String.fromCharCode.apply(null, new Uint8Array(raw)));
    });
  }

  function hex(buffer) {
    return [].map.call(new Uint8Array(buffer), function (byte) { return ("0" + byte.toString(16)).slice(-2); }).join("");
  }

  function random(bytes) { return w.crypto.getRandomValues(new Uint8Array(bytes)); }

  function uuid() {
    var b = random(16), h;
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    h = hex(b);
    return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join("-");
  }

  /* The headers of docs/api.md “Devices”: six lines, ECDSA over P-256 with SHA-256. */
  function sign(method, path, body) {
    var stamp = String(Date.now()), nonce = hex(random(16)), utf8 = new w.TextEncoder();
    return Promise.all([key(path.split("/")[2]), w.crypto.subtle.digest("SHA-256", utf8.encode(body))]).then(function (found) {
      var content = hex(found[1]), text = [method, path, "", stamp, nonce, content].join("\n");
      if (!found[0]) { throw new Error("no key"); }
      return w.crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, found[0], utf8.encode(text)).then(function (signature) {
        return { "X-Timestamp": stamp, "X-Nonce": nonce, "X-Content-SHA256": content, "X-Signature": hex(signature) };
      });
    });
  }

  w.hcpStore = {
    put: put, all: all, remove: remove, makeKey: makeKey, tryKey: tryKey, keepKey: keepKey, exportPublic: exportPublic, sign: sign, uuid: uuid,
    session: uuid(), /* of this page: its taps can be aged by a clock that nobody sets */
    isAtRisk: function () { return remembered().length > 0; } /* a reload would lose something */
  };
}(window));
