/* Draws what its page already says in a table. Canvas and rich text only: the content policy allows no inline style. */
(function () {
  "use strict";
  var place = document.getElementById("trend-chart");
  if (!place || !window.echarts || !window.fetch) { return; }
  fetch(place.dataset.source, { credentials: "same-origin" }).then(function (answer) {
    if (!answer.ok) { throw new Error(String(answer.status)); }
    return answer.json();
  }).then(draw).catch(function () { place.textContent = "图表暂时画不出来，请看下面的数据表。"; place.classList.remove("chart"); });

  function draw(data) {
    place.classList.add("drawn"); // before it is measured: an undrawn chart takes no room on the page
    var chart = window.echarts.init(place, null, { renderer: "canvas" });
    chart.setOption({
      animation: false,
      aria: { enabled: true, label: { description: place.getAttribute("aria-label") } },
      color: ["#9db8e0", "#1550b5", "#0a6b4f", "#b3261e"],
      textStyle: { fontFamily: "PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif", fontSize: 12, color: "#1b2430" },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true },
      legend: { top: 0, left: 0, itemGap: 16 },
      grid: { left: 8, right: 8, top: place.clientWidth < 480 ? 76 : 48, bottom: 4, containLabel: true },
      xAxis: { type: "category", data: data.days, axisTick: { show: false }, axisLine: { lineStyle: { color: "#cfd6e0" } } },
      yAxis: [
        { type: "value", name: "件", minInterval: 1, splitLine: { lineStyle: { color: "#e6ebf2" } } },
        { type: "value", name: "%", min: 0, max: 100, splitLine: { show: false } }
      ],
      series: data.series.map(function (each) {
        return {
          name: each.name, data: each.values, type: each.isRate ? "line" : "bar", yAxisIndex: each.isRate ? 1 : 0,
          symbolSize: 5, connectNulls: false, barMaxWidth: 14
        };
      })
    });
    window.addEventListener("resize", function () { chart.resize(); });
  }
}());
