// Draws the charts of the demo's page from `page`; anew when the language or the window changes.
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked === "zh" || asked === "en") root.dataset.lang = asked;
  const word = (zh, en) => (root.dataset.lang === "zh" ? zh : en);
  const LEVELS = [["red", "红", "red"], ["orange", "橙", "orange"], ["yellow", "黄", "yellow"], ["blue", "蓝", "blue"]];
  const narrow = () => window.innerWidth < 620;
  const charts = new Map();

  const base = () => ({
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("ink") },
    grid: { left: 8, right: 24, top: 36, bottom: 8, containLabel: true },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true },
    legend: { top: 0, left: 0, textStyle: { color: colour("ink") }, itemWidth: 14 },
  });
  const axis = (more) => ({
    axisLabel: { color: colour("soft"), hideOverlap: true }, axisLine: { lineStyle: { color: colour("line") } },
    splitLine: { lineStyle: { color: colour("line") } }, ...more,
  });
  const names = (rows, width) => axis({
    type: "category", inverse: true, data: rows,
    axisLabel: { color: colour("ink"), width: narrow() ? 110 : width, overflow: "break", lineHeight: 15 },
  });
  const put = (id, option) => {
    const place = document.getElementById(id);
    if (!place) return;
    if (!charts.has(id)) charts.set(id, echarts.init(place, null, { renderer: "svg" }));
    charts.get(id).setOption({ ...base(), ...option }, true);
  };

  const warnings = () => {
    const kinds = page.warnings.kinds;
    put("warnings", {
      xAxis: axis({ type: "value", minInterval: 1 }),
      yAxis: names(kinds.map((one) => word(one.zh, one.en)), 200),
      series: LEVELS.map(([level, zh, en]) => ({
        name: word(zh, en), type: "bar", stack: "level", barMaxWidth: 26, itemStyle: { color: colour(level) },
        data: kinds.map((one) => one.levels[level] || 0),
      })),
    });
  };

  const station = () => {
    const lines = [["metered", "计量销量", "metered", "accent"], ["declared", "申报销量", "declared", "red"], ["invoiced", "进项购油", "invoiced", "soft"]];
    put("station", {
      tooltip: { trigger: "axis", confine: true, valueFormatter: (v) => `${Math.round(v).toLocaleString()} L` },
      xAxis: axis({ type: "category", data: page.station.months }),
      yAxis: axis({ type: "value", axisLabel: { color: colour("soft"), formatter: (v) => `${(v / 1000).toLocaleString()} kL` } }),
      series: lines.map(([key, zh, en, hue]) => ({
        name: word(zh, en), type: "line", symbolSize: 6, data: page.station[key], color: colour(hue),
        lineStyle: { width: key === "invoiced" ? 1.5 : 2.5, type: key === "invoiced" ? "dashed" : "solid" },
      })),
    });
  };

  const visits = () => {
    const rows = page.visits.kinds;
    put("visits", {
      xAxis: axis({ type: "category", data: rows.map((one) => word(one.zh, one.en)) }),
      yAxis: axis({ type: "value", minInterval: 1 }),
      series: [
        { name: word("单独检查", "separate inspections"), type: "bar", barMaxWidth: 36, color: colour("soft"), data: rows.map((one) => one.separate) },
        { name: word("上门", "visits"), type: "bar", barMaxWidth: 36, color: colour("accent"), data: rows.map((one) => one.visits) },
      ].map((one) => ({ ...one, label: { show: true, position: "top", color: colour("ink") } })),
    });
  };

  const lateness = () => put("lateness", {
    legend: { show: false }, grid: { ...base().grid, top: 12 },
    xAxis: axis({ type: "category", data: page.lateness.bins.map(([label]) => label), name: word("秒", "s"), nameLocation: "end", nameGap: 6 }),
    yAxis: axis({ type: "value", minInterval: 1 }),
    series: [{ name: word("预警", "warnings"), type: "bar", barCategoryGap: "12%", color: colour("accent"), data: page.lateness.bins.map(([, count]) => count) }],
  });

  const unknown = () => {
    const rows = page.unknown.rows.slice(0, 10);
    document.getElementById("unknown").style.height = `${60 + rows.length * 38}px`;
    const labels = names(rows.map((one) => `${word(one.zh, one.en)}\n${word(one.because_zh, one.because)}`), 210);
    labels.axisLabel.interval = 0;
    put("unknown", {
      legend: { show: false }, grid: { ...base().grid, top: 12, right: 56 },
      xAxis: axis({ type: "value", minInterval: 1, splitNumber: 3 }),
      yAxis: labels,
      series: [{ name: word("站·月", "station-months"), type: "bar", barMaxWidth: 18, color: colour("orange"), data: rows.map((one) => one.count), label: { show: true, position: "right", color: colour("ink") } }],
    });
  };

  const events = () => {
    const rows = page.events.types;
    document.getElementById("events").style.height = `${60 + rows.length * 22}px`;
    put("events", {
      legend: { show: false }, grid: { ...base().grid, top: 8, right: 56 },
      xAxis: axis({ type: "log", min: 0.8, axisLabel: { color: colour("soft"), formatter: (v) => (v < 1 ? "" : v.toLocaleString()) } }),
      yAxis: axis({ type: "category", inverse: true, data: rows.map(([name]) => name), axisLabel: { color: colour("ink"), fontSize: narrow() ? 10 : 12, interval: 0 } }),
      series: [{ name: word("事件", "events"), type: "bar", barMaxWidth: 14, color: colour("accent"), data: rows.map(([, count]) => count), label: { show: true, position: "right", color: colour("ink") } }],
    });
  };

  const draw = () => {
    [warnings, station, visits, lateness, unknown, events].forEach((one) => one());
    charts.forEach((chart) => chart.resize());
  };
  document.getElementById("language").addEventListener("click", () => {
    root.dataset.lang = root.dataset.lang === "zh" ? "en" : "zh";
    root.lang = word("zh-CN", "en");
    draw();
  });
  root.lang = word("zh-CN", "en");
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
