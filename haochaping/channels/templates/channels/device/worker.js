/* Keeps the tablet's shell, so that it opens without a network. Nothing that anybody says passes through here. */
var FILES = {{ files|safe }};
var SHELL = "hcp-device-" + FILES.join("").length + "-" + hash(FILES.join("|"));
var PAGES = "hcp-device-pages";

function hash(text) {
  var sum = 5381;
  for (var i = 0; i < text.length; i += 1) { sum = ((sum * 33) ^ text.charCodeAt(i)) >>> 0; }
  return sum.toString(36);
}

self.addEventListener("install", function (event) {
  event.waitUntil(caches.open(SHELL).then(function (cache) { return cache.addAll(FILES); }).then(function () { return self.skipWaiting(); }));
});

/* The old shell goes only when every kept page is one that asks for the new: else a tablet without a network stays blank. */
self.addEventListener("activate", function (event) {
  event.waitUntil(renewPages().then(dropOldShells, function () { return null; }).then(function () { return self.clients.claim(); }));
});

function renewPages() {
  return caches.open(PAGES).then(function (cache) {
    return cache.keys().then(function (pages) { return cache.addAll(pages.map(function (page) { return page.url; })); });
  });
}

function dropOldShells() {
  return caches.keys().then(function (names) {
    return Promise.all(names.map(function (name) {
      return name.indexOf("hcp-device-") === 0 && name !== SHELL && name !== PAGES ? caches.delete(name) : null;
    }));
  });
}

self.addEventListener("fetch", function (event) {
  var url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) { return; }
  if (url.pathname.indexOf("/static/") === 0) {
    event.respondWith(caches.match(event.request).then(function (kept) { return kept || fetch(event.request); }));
  } else if (event.request.mode === "navigate" && /^\/device\/D[0-9A-Z]+$/.test(url.pathname)) {
    event.respondWith(fromNetworkFirst(event.request));
  }
});

/* The newest page where there is a network; what the server says no to is shown and not kept. */
function fromNetworkFirst(request) {
  return fetch(request).then(function (answer) {
    if (answer.status >= 500) { return kept(request).then(function (old) { return old || answer; }); }
    if (answer.ok) {
      var copy = answer.clone();
      caches.open(PAGES).then(function (cache) { cache.put(new URL(request.url).pathname, copy); });
    }
    return answer;
  }, function (error) {
    return kept(request).then(function (old) { if (old) { return old; } throw error; });
  });
}

function kept(request) {
  return caches.open(PAGES).then(function (cache) { return cache.match(new URL(request.url).pathname); });
}
