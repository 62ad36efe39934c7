/* Comfort only: every page works without it. */
(function () {
  "use strict";
  var mark = document.querySelector('input[name="csrfmiddlewaretoken"]');
  var last = Date.now();
  /* The navigation is longer than many screens: where one is, is in sight. */
  var side = document.querySelector(".side"), here = side && side.querySelector(".side-wide [aria-current]");
  if (here && here.getBoundingClientRect().bottom > window.innerHeight && side.scrollHeight > side.clientHeight) {
    side.scrollTop = here.offsetTop - side.clientHeight / 2;
  }
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

  /* A field for several names goes on offering them behind a comma. */
  document.addEventListener("input", function (event) {
    var field = event.target, before;
    if (!field.hasAttribute("data-several") || !field.list) { return; }
    before = /^(.*[,，、;；]\s*)?/.exec(field.value)[0];
    Array.prototype.forEach.call(field.list.options, function (option) {
      if (!option.dataset.name) { option.dataset.name = option.value; }
      option.value = before + option.dataset.name;
    });
  });
  /* Of the second group of choices only those that fit what is chosen in the first. */
  document.addEventListener("change", function (event) {
    var fits = event.target.dataset ? event.target.dataset.fits : "";
    if (!fits) { return; }
    document.querySelectorAll("[data-fit]").forEach(function (label) {
      label.hidden = fits.split(" ").indexOf(label.dataset.fit) < 0;
      if (label.hidden) { label.querySelector("input").checked = false; }
    });
  });

  /* Lists by keyboard: j k or arrows, Enter, x, /, ?. Never while somebody types, never with a modifier key, never a trap. */
  function table() { return document.querySelector("table[data-keys]"); }
  function lines() { return Array.prototype.slice.call(table().querySelectorAll("tbody tr")); }
  function line() {
    var at = document.activeElement;
    return at && at.closest ? at.closest("table[data-keys] tbody tr") : null;
  }
  function types(at) {
    return at.isContentEditable || /^(TEXTAREA|SELECT)$/.test(at.tagName) ||
      (at.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(at.type));
  }
  function go(step) {
    var all = lines(), at = all.indexOf(line()), next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
    if (next) { next.querySelector("th a").focus(); next.scrollIntoView({ block: "nearest" }); }
  }
  document.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) { return; }
    if (types(event.target)) { return; }
    var search = document.getElementById("q"), keys = document.getElementById("keys"), key = event.key, row;
    if (key === "/" && search) { search.focus(); search.select(); event.preventDefault(); return; }
    if (key === "?" && keys) { keys.open = !keys.open; keys.querySelector("summary").focus(); event.preventDefault(); return; }
    if (!table()) { return; }
    row = line();
    if (key === "j" || (key === "ArrowDown" && row)) { go(1); event.preventDefault(); }
    else if (key === "k" || (key === "ArrowUp" && row)) { go(-1); event.preventDefault(); }
    else if (key === "x" && row && row.querySelector('[name="pick"]')) { row.querySelector('[name="pick"]').click(); }
    else if (key === "Enter" && row && event.target.name === "pick") { row.querySelector("th a").click(); event.preventDefault(); }
  });
  /* One box ticks the whole page; it is there only where it works. */
  function ready() {
    document.querySelectorAll("[data-tick-all]").forEach(function (box) { box.hidden = false; });
    document.querySelectorAll("[data-count]").forEach(function (count) { count.hidden = false; });
  }
  document.addEventListener("change", function (event) {
    var box = event.target, whole = box.closest ? box.closest("table[data-keys]") : null, picks;
    if (!whole) { return; }
    picks = Array.prototype.slice.call(whole.querySelectorAll('[name="pick"]'));
    if (box.hasAttribute("data-tick-all")) { picks.forEach(function (pick) { pick.checked = box.checked; }); }
    else { whole.querySelector("[data-tick-all]").checked = picks.every(function (pick) { return pick.checked; }); }
  });
  /* How many orders are ticked for a brief; told only where it is kept true. */
  document.addEventListener("change", function (event) {
    var form = event.target.form, count = form && form.querySelector("[data-ticked]");
    if (count) { count.textContent = form.querySelectorAll('[name="case"]:checked').length; }
  });
  document.addEventListener("htmx:afterSwap", ready);
  document.addEventListener("htmx:after:swap", ready);
  ready();
}());
