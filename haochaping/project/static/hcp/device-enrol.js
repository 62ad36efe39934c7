/* Turns this browser into the device whose code is typed in. ES5. */
(function (d, w) {
  "use strict";
  var form = d.getElementById("enrol"), problem = d.getElementById("problem"), why = d.getElementById("why");
  var busy = false;

  function refuse(message) {
    why.textContent = message;
    problem.hidden = false;
    problem.focus();
    busy = false;
  }

  function asked(pair, text) {
    return w.fetch("/device/", {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ code: form.elements.code.value, publicKey: text })
    }).then(function (answer) {
      return answer.json().then(function (told) {
        if (!answer.ok) { refuse(told.error.message); return null; }
        return w.hcpStore.keepKey(pair, told.id).then(function () { w.location.assign(told.url); });
      });
    });
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy) { return; }
    busy = true;
    problem.hidden = true;
    if (!form.elements.code.value.trim()) { refuse("请输入注册码。"); return; }
    if (!w.crypto || !w.crypto.subtle || !w.indexedDB) {
      refuse("这个浏览器不能保存设备密钥。请用 https 地址打开本页，并改用新版浏览器，不要用无痕模式。");
      return;
    }
    w.hcpStore.makeKey().then(function (pair) {
      /* The key must be storable before the one-time code is spent. */
      return w.hcpStore.tryKey(pair).then(function () { return w.hcpStore.exportPublic(pair); }).then(function (text) { return asked(pair, text); });
    }).catch(function () { refuse("没有连上服务器，或浏览器不能保存密钥。请检查网络后重试。"); });
  });
}(document, window));
