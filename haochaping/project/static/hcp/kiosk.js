/* ES5. A terminal in a hall: the number pad, the card reader's keys, and nothing left on the screen after 30 seconds. */
(function (d) {
  var HOME = '/kiosk', REST = 30, WARN = 10, PING = 45000;
  var all = function (s) { return [].slice.call(d.querySelectorAll(s)); };
  var number = d.getElementById('number');
  var note = d.querySelector('[data-countdown]');
  var mark = d.querySelector('input[name="csrfmiddlewaretoken"]');
  var home = d.querySelector('[data-begin]');
  var touched = Date.now(), pinged = Date.now();

  function touch() {
    touched = Date.now();
    if (note) note.textContent = '';
    if (home || !mark || touched - pinged < PING) return;
    pinged = touched;
    var asked = new XMLHttpRequest();
    asked.open('POST', HOME + '/alive');
    asked.setRequestHeader('X-CSRFToken', mark.value);
    asked.send();
  }

  function look() {
    var left = REST - Math.floor((Date.now() - touched) / 1000);
    if (home) {
      if (left <= 0 && (number.value || d.querySelector('.errors'))) location.replace(HOME);
      return;
    }
    if (left <= 0) location.replace(HOME);
    else if (left <= WARN) note.textContent = left + ' 秒后清屏，要继续请点一下屏幕';
  }

  ['pointerdown', 'touchstart', 'keydown', 'input', 'scroll'].forEach(function (kind) {
    addEventListener(kind, touch, true);
  });
  setInterval(look, 500);
  addEventListener('pageshow', function (event) { if (event.persisted) location.replace(HOME); });
  d.addEventListener('contextmenu', function (event) { event.preventDefault(); });

  if (!number) return;
  var pad = d.querySelector('[data-pad]');
  pad.hidden = false;
  number.setAttribute('inputmode', 'none');
  all('[data-key]').forEach(function (button) {
    button.addEventListener('click', function () {
      var key = button.getAttribute('data-key');
      if (key === 'clear') number.value = '';
      else if (key === 'back') number.value = number.value.slice(0, -1);
      else number.value += key;
      number.focus();
    });
  });
  /* A card reader types wherever the focus is: it goes where it belongs. */
  d.addEventListener('keydown', function (event) {
    if (event.target !== number && event.key && event.key.length === 1) number.focus();
  });
  if (!d.querySelector('.errors')) number.focus();
  else setTimeout(function () { number.focus(); }, 0);
})(document);
