/* The big screen: one request brings all that changes, every quarter of a minute; while it fails the last reading stays and says so. */
(function () {
  "use strict";
  var live = document.getElementById("live"), said = document.getElementById("said"), full = document.getElementById("full");
  var every = Number(live.dataset.every) * 1000, failed = 0;

  function again() { window.setTimeout(read, every * Math.min(1 + failed, 8) + Math.random() * 1000); }

  function say(words) { if (said.textContent !== words) { said.textContent = words; } }

  function isLookedInto() { return live.contains(document.activeElement) || live.querySelector("details[open]"); }

  function read() {
    if (isLookedInto()) { say("正在查看，暂不更新。"); again(); return; } // nobody's table closes under their hands
    if (document.hidden) { again(); return; }
    window.fetch(live.dataset.fresh, { credentials: "same-origin", redirect: "manual", cache: "no-store" }).then(function (answer) {
      if (answer.type === "opaqueredirect") { say("登录已到期，画面不再更新。请刷新页面重新登录；要长期投放，请用“大屏链接”。"); return null; }
      if (answer.status === 404 || answer.status === 403) { say("这个大屏已停用或已到期，画面不再更新。"); return null; }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      if (text === null) { return; }
      failed = 0;
      say("");
      live.innerHTML = text;
      document.dispatchEvent(new window.CustomEvent("screen:read"));
      again();
    }).catch(function () {
      failed += 1;
      say("连不上服务器，显示的是上一次的数据，正在重试。");
      again();
    });
  }

  if (document.documentElement.requestFullscreen) {
    full.hidden = false;
    full.addEventListener("click", function () {
      if (document.fullscreenElement) { document.exitFullscreen(); } else { document.documentElement.requestFullscreen(); }
    });
  }
  again();
}());
