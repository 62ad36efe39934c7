/* Comfort only: number keys choose the level wherever nothing is being typed; the recording number is typed once. */
(function () {
  "use strict";
  var typing = /^(INPUT|TEXTAREA|SELECT)$/;
  document.addEventListener("keydown", function (event) {
    var at = event.target;
    var types = typing.test(at.tagName) && at.type !== "radio" && at.type !== "checkbox";
    if (types || event.ctrlKey || event.altKey || event.metaKey || !/^[1-5]$/.test(event.key)) { return; }
    var level = document.getElementById("lv" + event.key);
    if (!level) { return; }
    level.checked = true;
    level.focus();
    event.preventDefault();
  });
  var first = document.querySelector("[data-proof]");
  var last = document.getElementById("proof");
  if (first && last) {
    first.addEventListener("input", function () { last.value = first.value; });
  }
}());
