/* ES5, and every page works without it: counts characters, stops a second press, goes to the first error. */
(function (d) {
  var all = function (s) { return [].slice.call(d.querySelectorAll(s)); };
  all('[data-left]').forEach(function (note) {
    var box = d.getElementById(note.getAttribute('data-left'));
    var say = function () { note.textContent = '还可以写 ' + Math.max(0, box.maxLength - box.value.length) + ' 字'; };
    box.addEventListener('input', say);
    say();
  });
  all('form[method=post]').forEach(function (form) {
    var sent = false;
    form.addEventListener('submit', function (event) {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener('pageshow', function () { sent = false; });
  });
  var errors = d.querySelector('.errors');
  if (errors) errors.focus();
})(document);
