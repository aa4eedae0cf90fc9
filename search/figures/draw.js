// Draws the figures of a page. Plotly and what it draws come packed, which makes the page a third as long.
async function unpacked(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), letter => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const dark = window.matchMedia("(prefers-color-scheme: dark)"), narrow = window.matchMedia("(max-width: 47rem)");
const config = {displaylogo: false, responsive: true};
if (!("bar" in document.documentElement.dataset)) config.displayModeBar = false;
function draw({template, night, figures}) {
  const colours = getComputedStyle(document.documentElement);
  const ink = colours.getPropertyValue("--ink"), line = colours.getPropertyValue("--line");
  const paper = colours.getPropertyValue("--paper");
  for (const [name, figure] of Object.entries(figures)) {
    let text = JSON.stringify({data: figure.data, layout: narrow.matches ? figure.narrow : figure.layout});
    if (dark.matches)
      for (const [day, other] of Object.entries(night)) text = text.replaceAll(`"${day}"`, `"${other}"`);
    const {data, layout} = JSON.parse(text);
    // A scale of colours would take the place of the panels; the numbers stand in their cells.
    if (narrow.matches) for (const trace of data) if (trace.showscale) trace.showscale = false;
    layout.template = template;
    delete layout.title;
    const axes = Object.keys(layout).filter(key => /^[xy]axis/.test(key)).map(key => layout[key]);
    const most = Math.max(...axes.map(axis => ((axis.title || {}).text || "").split("<br>").length));
    const clear = "rgba(0,0,0,0)", margin = {l: 64, r: narrow.matches ? 32 : 16, t: 40, b: 40 + 16 * most};
    if (layout.xaxis3 && layout.xaxis3.side === "top") margin.t = 80;
    const height = Math.max(240, layout.height - 60);
    Object.assign(layout, {paper_bgcolor: clear, plot_bgcolor: clear, margin, height});
    layout.font = {...layout.font, color: ink};
    // Below ticks and title of the axis, however high the figure is.
    layout.legend = {...layout.legend, y: -(margin.b + 8) / (height - margin.t - margin.b)};
    for (const axis of axes) Object.assign(axis, {gridcolor: line, zerolinecolor: line, linecolor: line});
    for (const note of layout.annotations || []) if (note.bgcolor) note.bgcolor = paper;
    Plotly.react(`figure-${name}`, data, layout, config);
  }
}
async function start() {
  const library = document.createElement("script");
  library.textContent = await unpacked("library");
  document.head.append(library);
  const told = JSON.parse(await unpacked("figures"));
  draw(told);
  for (const query of [dark, narrow]) query.addEventListener("change", () => draw(told));
}
start().catch(error => {
  for (const place of document.querySelectorAll(".figure"))
    place.textContent = `This browser cannot draw the figure (${error}).`;
});
