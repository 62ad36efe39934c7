/* Draws the tables of a page: one script for every chart of the console and the big screen. The table is the truth, it stays.

   <table data-chart="bar" data-title="各设区市好评率"> … any real table: first cell of a row its name, the others its numbers.
   Kinds  bar | line | stack (counts upon each other) | radar (a row is an axis, a column a shape) | funnel (first column only).
   Mixed  a column of percents (its cells end with %) gets the right axis and a line beside bars of counts, by itself.
          In the head <th data-as="bar|line|none"> says it otherwise; none leaves the column out. <th data-color="lv5"> takes a
          colour of tokens.css, <th data-pale> a paler one (last year beside this one).
   Cells  "12,345", "99.80%", "<0.001%" are read as printed, what is no number ("—", "少于5") is a gap. Only what comes first counts,
          so an interval or a note may follow. <td data-value="0.5"> says it otherwise, <td data-said="…"> what the tooltip says.
   Table  data-across   bars lie (ranks, long names)           data-top="20"   draw the first 20 rows only
          data-newest   rows come newest first: draw them turned data-near       the percent axis need not start at 0 (lines only)
          data-points  rates beside bars are points, not a line (what is not time has nothing in between)
          data-high     a taller chart                           <tr data-max="40"> the end of that axis of a radar (default 100)
          <tr data-none> is not drawn (a sum)            <tr data-mark="措施1"> a line across at this row, with that word (bar, line)
   Where  before the table, or before the <details> or .scroll that holds it; or into <div class="chart" data-of="id of the table">.
   Click  on a bar or point opens the first link of its row; the keyboard has the same link in the table.
   None   without this script, on paper and in large type (html.elder): the table alone, opened. ECharts must be on the page before:
          {% include "console/analysis/charts.html" %} in block head has both.
   Colours, type and lines come from CSS: --chart-1 … --chart-9, --chart-line, --chart-edge, --chart-ink, --sans; so the screen is dark by its own sheet.
   Canvas and rich text only: the content policy allows no inline style. */
(function () {
  "use strict";
  var drawn = [], NUMBER = /^[<>≈]?\s*([-−+]?[\d,]+(?:\.\d+)?)\s*(%)?/;

  function numberOf(cell) {
    if (!cell) { return null; }
    if (cell.dataset.value !== undefined) { return cell.dataset.value === "" ? null : Number(cell.dataset.value); }
    var found = NUMBER.exec(cell.textContent.trim());
    return found ? Number(found[1].replace(/,/g, "").replace("−", "-")) : null;
  }

  function saidIn(cell) {
    if (!cell) { return "—"; }
    if (cell.dataset.said) { return cell.dataset.said; }
    var text = cell.textContent.trim(), found = NUMBER.exec(text);
    return (found && cell.tagName === "TD" ? found[0] : text.split(/\n|\s{2,}/)[0]) || "—";
  }

  function isRate(cells) {
    return cells.some(function (cell) { return cell && /^[<>≈]?\s*[-−+]?[\d,.]+%/.test(cell.textContent.trim()); });
  }

  /* The table as rows {name, cells, link, max} and columns {name, cells, isRate, as, color, isPale}. */
  function read(table) {
    var heads = table.tHead ? Array.prototype.slice.call(table.tHead.rows[table.tHead.rows.length - 1].cells) : [], rows = [];
    Array.prototype.forEach.call(table.tBodies, function (body) {
      Array.prototype.forEach.call(body.rows, function (row) {
        if (row.hasAttribute("data-none") || row.cells.length < 2) { return; }
        var link = row.querySelector("a[href]");
        rows.push({ name: saidIn(row.cells[0]), cells: Array.prototype.slice.call(row.cells, 1), link: link && link.href, mark: row.dataset.mark, max: Number(row.dataset.max || 100) });
      });
    });
    if (table.hasAttribute("data-top")) { rows = rows.slice(0, Number(table.dataset.top)); }
    if (table.hasAttribute("data-newest")) { rows.reverse(); }
    var columns = heads.slice(1).map(function (head, n) {
      var cells = rows.map(function (row) { return row.cells[n]; });
      return { name: head.dataset.name || saidIn(head), cells: cells, isRate: isRate(cells), as: head.dataset.as || "", color: head.dataset.color || "", isPale: head.hasAttribute("data-pale") };
    }).filter(function (column) { return column.as !== "none" && column.cells.some(function (cell) { return numberOf(cell) !== null; }); });
    return { rows: rows, columns: columns };
  }

  function title(table) {
    var holder = table.closest("[aria-label]");
    return table.dataset.title || (table.caption && table.caption.textContent.trim()) || (holder ? holder.getAttribute("aria-label") : "图表");
  }

  /* In words, for who does not see it: the highest and lowest of each column. */
  function inWords(table, data) {
    var said = data.columns.slice(0, 4).map(function (column) {
      if (table.dataset.chart === "radar" || table.dataset.chart === "funnel") {
        return column.name + "：" + data.rows.map(function (row, n) { return row.name + saidIn(column.cells[n]); }).join("，");
      }
      var best = -1, worst = -1;
      column.cells.forEach(function (cell, n) {
        var value = numberOf(cell);
        if (value === null) { return; }
        if (best < 0 || value > numberOf(column.cells[best])) { best = n; }
        if (worst < 0 || value < numberOf(column.cells[worst])) { worst = n; }
      });
      return column.name + "最高" + saidIn(column.cells[best]) + "（" + data.rows[best].name + "），最低" + saidIn(column.cells[worst]) + "（" + data.rows[worst].name + "）";
    });
    return title(table) + "图。" + said.join("；") + "。数据见表。";
  }

  function placeFor(table) {
    var place = table.id && document.querySelector('.chart[data-of="' + table.id + '"]');
    if (place) { return place; }
    var before = table.closest("details") || table.closest(".scroll") || table;
    place = document.createElement("div");
    place.className = "chart";
    before.parentNode.insertBefore(place, before);
    return place;
  }

  function look(place) {
    var style = window.getComputedStyle(place);
    function of(name, usual) { return style.getPropertyValue(name).trim() || usual; }
    return {
      of: of, line: of("--chart-line", "#e6ebf2"), edge: of("--chart-edge", "#cfd6e0"), ink: of("--chart-ink", of("--ink", "#1b2430")),
      colors: ["#1550b5", "#b34700", "#0a6b4f", "#7b5ea7", "#7a5c00", "#4c7fa8", "#a8326e", "#3aa6a0", "#3d4654"].map(function (usual, n) { return of("--chart-" + (n + 1), usual); }),
      size: parseFloat(of("--chart-size", "12")), sans: of("--sans", "sans-serif")
    };
  }

  function tooltip(data, how, trigger) {
    return {
      trigger: trigger, renderMode: "richText", confine: true, textStyle: { fontFamily: how.sans, fontSize: how.size, color: "#1b2430" },
      formatter: function (hit) {
        var hits = Array.isArray(hit) ? hit : [hit], row = data.rows[hits[0].dataIndex];
        if (!row) { return ""; }
        return [row.name].concat(hits.map(function (each) {
          var column = data.columns[each.seriesIndex];
          return column.name + " " + saidIn(column.cells[each.dataIndex]);
        })).join("\n");
      }
    };
  }

  function axes(table, data, how, place) {
    var kind = table.dataset.chart, across = table.hasAttribute("data-across");
    var names = data.rows.map(function (row) { return row.name; });
    var rates = data.columns.filter(function (c) { return c.isRate; }), counts = data.columns.filter(function (c) { return !c.isRate; });
    var label = { color: how.ink, fontFamily: how.sans, fontSize: how.size };
    var near = table.hasAttribute("data-near") && kind === "line";
    var scales = [];
    if (counts.length) { scales.push({ type: "value", name: across ? "" : table.dataset.unit || "件", splitLine: { lineStyle: { color: how.line } }, axisLabel: label, nameTextStyle: label }); }
    if (rates.length) {
      var most = 0;
      rates.forEach(function (column) { column.cells.forEach(function (cell) { most = Math.max(most, numberOf(cell) || 0); }); });
      var rate = { type: "value", name: across ? "" : "%", scale: near, splitLine: { show: !counts.length, lineStyle: { color: how.line } }, axisLabel: label, nameTextStyle: label };
      if (!near) { rate.min = 0; rate.max = most > 25 ? 100 : null; }
      scales.push(rate);
    }
    var many = data.columns.length > 1, slim = place.clientWidth < 480, grid = { left: 8, right: across ? 48 : 8, top: (many ? (slim ? 76 : 48) : 28), bottom: 4, containLabel: true };
    var category = {
      type: "category", data: names, inverse: across, axisTick: { show: false }, axisLine: { lineStyle: { color: how.edge } },
      axisLabel: Object.assign({ hideOverlap: true, overflow: "truncate", width: across ? (slim ? 84 : 150) : undefined, rotate: !across && slim && names.length > 6 ? 45 : 0 }, label)
    };
    if (across) { grid.top = many ? 40 : 8; }
    var marks = across ? [] : data.rows.filter(function (row) { return row.mark; }).map(function (row) { return { xAxis: row.name, label: { formatter: row.mark } }; });
    if (marks.length) { grid.top += 24; }
    return {
      grid: grid, legend: { show: many, top: 0, left: 0, itemGap: 14, type: slim ? "plain" : "scroll", textStyle: label },
      xAxis: across ? scales : category, yAxis: across ? category : scales,
      tooltip: tooltip(data, how, "axis"),
      series: data.columns.map(function (column, n) {
        var type = column.as || (kind === "line" || (column.isRate && counts.length && !across) ? "line" : "bar");
        var at = column.isRate && counts.length ? 1 : 0;
        var series = {
          name: column.name, type: type, data: column.cells.map(numberOf), symbolSize: 6, connectNulls: false, barMaxWidth: across ? 16 : 28,
          stack: kind === "stack" && type === "bar" ? "all" : undefined
        };
        series[across ? "xAxisIndex" : "yAxisIndex"] = at;
        if (n === 0 && marks.length) { series.markLine = { symbol: "none", silent: true, lineStyle: { color: how.of("--lv5", "#0a6b4f"), type: "dashed", width: 2 }, label: { color: how.ink, fontFamily: how.sans, fontSize: how.size }, data: marks }; }
        if (type === "line" && kind !== "line" && table.hasAttribute("data-points")) { series.lineStyle = { width: 0 }; series.symbolSize = 9; }
        if (column.color) { series.color = how.of("--" + column.color, column.color); }
        if (column.isPale) { series.itemStyle = { opacity: 0.4 }; series.lineStyle = Object.assign({ type: "dashed", opacity: 0.6 }, series.lineStyle); }
        if (across && !many) { series.label = { show: true, position: "right", color: how.ink, fontSize: how.size, formatter: function (at) { return saidIn(column.cells[at.dataIndex]); } }; }
        return series;
      })
    };
  }

  function radar(data, how) {
    var label = { color: how.ink, fontFamily: how.sans, fontSize: how.size };
    return {
      legend: { show: data.columns.length > 1, top: 0, left: 0, textStyle: label },
      radar: {
        center: ["50%", "56%"], radius: "62%", axisName: label, splitArea: { show: false }, splitLine: { lineStyle: { color: how.edge } }, axisLine: { lineStyle: { color: how.edge } },
        indicator: data.rows.map(function (row) { return { name: row.name, min: 0, max: row.max }; })
      },
      tooltip: {
        trigger: "item", renderMode: "richText", confine: true, textStyle: { fontFamily: how.sans, fontSize: how.size, color: "#1b2430" },
        formatter: function (hit) {
          var column = data.columns[hit.dataIndex];
          return [column.name].concat(data.rows.map(function (row, n) { return row.name + " " + saidIn(column.cells[n]); })).join("\n");
        }
      },
      series: [{
        type: "radar", symbolSize: 5,
        data: data.columns.map(function (column) {
          return { name: column.name, value: column.cells.map(numberOf), lineStyle: { type: column.isPale ? "dashed" : "solid" }, areaStyle: { opacity: column.isPale ? 0 : 0.12 } };
        })
      }]
    };
  }

  function funnel(data, how) {
    var column = data.columns[0];
    return {
      legend: { show: false }, tooltip: tooltip(data, how, "item"),
      series: [{
        type: "funnel", sort: "none", top: 8, bottom: 8, left: "4%", width: "60%", minSize: "2%", gap: 2, funnelAlign: "center",
        label: { position: "right", color: how.ink, fontFamily: how.sans, fontSize: how.size, formatter: function (at) { return data.rows[at.dataIndex].name + " " + saidIn(column.cells[at.dataIndex]); } },
        labelLine: { lineStyle: { color: how.edge } },
        data: data.rows.map(function (row, n) { return { name: row.name, value: numberOf(column.cells[n]) || 0 }; })
      }]
    };
  }

  function draw(table) {
    if (table.dataset.isDrawn || document.documentElement.classList.contains("elder")) { return; }
    var data = read(table);
    if (!data.rows.length || !data.columns.length) { return; }
    table.dataset.isDrawn = "yes";
    var place = placeFor(table), kind = table.dataset.chart;
    place.classList.add("drawn"); // before it is measured: an undrawn chart takes no room on the page
    if (table.hasAttribute("data-high") || kind === "radar" || (table.hasAttribute("data-across") && data.rows.length * data.columns.length > 10)) { place.classList.add("chart-high"); }
    place.setAttribute("role", "img");
    var words = inWords(table, data), how = look(place), chart = window.echarts.init(place, null, { renderer: "canvas" });
    place.setAttribute("aria-label", words);
    var option = kind === "radar" ? radar(data, how) : kind === "funnel" ? funnel(data, how) : axes(table, data, how, place);
    option.animation = false;
    option.aria = { enabled: true, label: { description: words } };
    option.color = how.colors;
    option.textStyle = { fontFamily: how.sans, fontSize: how.size, color: how.ink };
    chart.setOption(option);
    chart.on("click", function (hit) { var row = data.rows[hit.dataIndex]; if (kind !== "radar" && row && row.link) { window.location.assign(row.link); } });
    drawn.push(chart);
  }

  function drawAll() {
    drawn = drawn.filter(function (chart) { // what was swapped away
      if (document.body.contains(chart.getDom())) { return true; }
      chart.dispose();
      return false;
    });
    Array.prototype.forEach.call(document.querySelectorAll("table[data-chart]"), function (table) {
      try { draw(table); } catch (fault) { window.console.error(fault); } // the table says it all the same
    });
  }

  function open(isOpen) { // on paper the table speaks, so it must be open
    Array.prototype.forEach.call(document.querySelectorAll("details"), function (each) {
      if (!each.querySelector("table[data-chart]")) { return; }
      if (isOpen) { each.dataset.wasOpen = each.open ? "yes" : ""; each.open = true; } else { each.open = each.dataset.wasOpen === "yes"; }
    });
  }

  if (document.documentElement.classList.contains("elder")) { open(true); return; }
  if (!window.echarts) { return; }
  drawAll();
  document.addEventListener("htmx:after:swap", drawAll);
  document.addEventListener("screen:read", drawAll);
  window.addEventListener("resize", function () { drawn.forEach(function (chart) { chart.resize(); }); });
  window.addEventListener("beforeprint", function () { open(true); });
  window.addEventListener("afterprint", function () { open(false); });
}());
