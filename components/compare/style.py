"""The looks of the comparison page: light and dark, one column on a phone, colours told apart with any colour vision."""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1c1e; --soft: #5b6168; --paper: #fff; --line: #d9dde1; --card: #f5f7f9; --warn:
  #b3261e; --good: #00695c; --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a6569a; --c4: #b88a00; --c5: #56707f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a4abb3; --paper: #15181b; --line: #343a40; --card:
  #1e2226; --warn: #ff8a80; --good: #6fd3c3; --c0: #56b4e9; --c1: #ff9d5c; --c2: #4fd1a5; --c3: #d9a0d0; --c4: #f0c545; --c5:
  #9fb6c3; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 66rem; margin: 1.5rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.15rem; color: var(--soft); font-weight: 600; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.headline { font-size: clamp(1.25rem, 3.6vw, 1.8rem); line-height: 1.3; font-weight: 600; margin: .4rem 0 .6rem; text-wrap:
  balance; }
.soft { color: var(--soft); }
.warn { color: var(--warn); font-weight: 600; }
.key { display: inline-block; min-width: 1.5em; text-align: center; border-radius: 4px; color: var(--paper); font-weight: 700; }
.key.c0 { background: var(--c0); }
.key.c1 { background: var(--c1); }
.key.c2 { background: var(--c2); }
.key.c3 { background: var(--c3); }
.key.c4 { background: var(--c4); }
.key.c5 { background: var(--c5); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.name { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
tr.side td, tr.side th { color: var(--soft); font-weight: 400; }
.told { color: var(--good); font-weight: 600; }
.two { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.5rem; align-items: start; }
@media (max-width: 46rem) { .two { grid-template-columns: minmax(0, 1fr); } .forest { font-size: 18px; } }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg text.soft { fill: var(--soft); }
svg.roc { max-width: 24rem; }
.zero { stroke: var(--soft); }
.frame { fill: none; stroke: var(--line); }
.forest g line { stroke: var(--ink); stroke-width: 2; }
.forest g circle { fill: var(--ink); }
.forest g.told line { stroke: var(--good); stroke-width: 3; }
.forest g.told circle { fill: var(--good); }
.forest g.told text { fill: var(--good); font-weight: 600; }
.forest g.side line { stroke: var(--soft); stroke-width: 1.3; }
.forest g.side circle { fill: var(--soft); }
.forest g.side text { fill: var(--soft); }
.curve { fill: none; stroke-width: 2; }
.curve.c0 { stroke: var(--c0); }
.curve.c1 { stroke: var(--c1); }
.curve.c2 { stroke: var(--c2); }
.curve.c3 { stroke: var(--c3); }
.curve.c4 { stroke: var(--c4); }
.curve.c5 { stroke: var(--c5); }
.dot.c0 { fill: var(--c0); }
.dot.c1 { fill: var(--c1); }
.dot.c2 { fill: var(--c2); }
.dot.c3 { fill: var(--c3); }
.dot.c4 { fill: var(--c4); }
.dot.c5 { fill: var(--c5); }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .8rem; }
.card { background: var(--card); border-radius: 8px; padding: .5rem; font-size: .82rem; overflow-wrap: anywhere; }
.card img { width: 100%; border-radius: 5px; display: block; margin-bottom: .3rem; }
.no { color: var(--warn); }
.yes { color: var(--good); }
"""
