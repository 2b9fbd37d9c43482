"""The style of `report.html`: light and dark, desktop and phone, without anything from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --ink: #16191d; --soft: #5b6168; --paper: #fff; --card: #f5f7f9; --line: #dde1e6; --accent: #0072b2;
  --faint: #9cc7e3; --warn: #b3261e; --warnbg: #fdf1f0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a4abb3; --paper: #14171a; --card: #1d2125; --line: #343a40;
  --accent: #6cb8ea; --faint: #2f5f80; --warn: #ff8a80; --warnbg: #2b1b1a; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem;
  margin: 0 auto; padding: 1.6rem 1rem 4rem; }
.eyebrow { color: var(--soft); margin: 0; font-size: .9rem; }
h1 { font-size: clamp(1.45rem, 4.4vw, 2.3rem); line-height: 1.2; margin: .3rem 0 .6rem; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
.soft { color: var(--soft); } .warn { color: var(--warn); font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1.2rem 0 0; font-size: .92rem; } nav a { color: var(--accent); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.tile { background: var(--card); border-radius: 10px; padding: .8rem .9rem; }
.tile strong { display: block; font-size: 1.75rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; } .tile .ends { font-variant-numeric: tabular-nums; }
.remarks { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .8rem;
  padding: 0; list-style: none; }
.remarks li { border-left: 4px solid var(--faint); background: var(--card); border-radius: 0 10px 10px 0; padding: .6rem .9rem;
  font-size: .95rem; }
.remarks li.bad { border-color: var(--warn); background: var(--warnbg); } .remarks b { display: block; } .remarks .bad b::after {
  content: " \\2014  look here"; color: var(--warn); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; font-size: .85rem; } tbody th { font-weight: 600; }
tbody th small { display: block; font-weight: 400; color: var(--soft); max-width: 30rem; }
td { white-space: nowrap; } td small { color: var(--soft); }
.bar { position: relative; display: block; width: 100%; min-width: 5rem; height: .5rem; margin-top: .45rem;
  background: var(--line); border-radius: 3px; }
.bar i { position: absolute; top: 0; bottom: 0; background: var(--faint); border-radius: 3px; }
.bar b { position: absolute; top: -.15rem; bottom: -.15rem; width: 3px; margin-left: -1.5px;
  background: var(--accent); border-radius: 2px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; margin-top: .3rem; }
figure img { width: 100%; background: #fff; border-radius: 8px; } .full { grid-column: 1 / -1; overflow-x: auto; }
.full img { min-width: 42rem; } summary { cursor: pointer; color: var(--accent); }
code { overflow-wrap: anywhere; white-space: normal; font-size: .85rem; }
"""
