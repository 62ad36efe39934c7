/* Comfort only: every page works without it. */
(function () {
  "use strict";
  var mark = document.querySelector('input[name="csrfmiddlewaretoken"]');
  var last = Date.now();
  /* Somebody who is typing is not idle: the session must not end under a long answer. */
  document.addEventListener("input", function () {
    if (!mark || Date.now() - last < 60000) { return; }
    last = Date.now();
    fetch("/console/alive", { method: "POST", headers: { "X-CSRFToken": mark.value }, credentials: "same-origin" });
  });
  /* A form is sent once, however often the button is pressed. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post") { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });
}());
