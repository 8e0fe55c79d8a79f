"""The style of the page: light and dark, wide and narrow, on screen and on paper."""

_LIGHT = """
--ink: #1b2330; --soft: #566173; --line: #d8dee7; --paper: #fff; --card: #f5f7fa;
--hue1: #2d64ad; --hue2: #4f8fd6; --hue3: #93bdea; --hue4: #b8610e;
--hue5: #3d7d3a; --hue6: #7d4f9c; --hue7: #8893a2; --hue8: #c4ccd6;
--bad: #b3261e; --good: #2b6d3d; --warn: #fdf0d8;
--shade: #8893a233; --red: #b3261e22;
"""
_DARK = """
--ink: #e6eaf0; --soft: #a3aebd; --line: #38424f; --paper: #12161c; --card: #1b212a;
--hue1: #5b9bea; --hue2: #3a74b8; --hue3: #2a5284; --hue4: #e7984c;
--hue5: #77bd71; --hue6: #bd93d8; --hue7: #6d7886; --hue8: #454f5c;
--bad: #ff8a80; --good: #83cf96; --warn: #3d3114;
--shade: #8893a23d; --red: #ff8a8026;
"""
_TEXT = """
* { box-sizing: border-box }
body {
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere;
  max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 3rem;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 }
h2 { font-size: 1.15rem; margin: 0 0 .6rem }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem }
p { margin: .35rem 0 }
section { margin-top: 2rem; padding-top: 1.2rem; border-top: 1px solid var(--line) }
code { font: 600 .9em ui-monospace, monospace }
details, footer { margin-top: 2rem }
summary { cursor: pointer }
pre {
  font: .8125rem/1.45 ui-monospace, monospace; overflow: auto; overflow-wrap: normal;
  background: var(--card); border-radius: .4rem; padding: 1rem;
}
.where { font-size: 1.05rem }
.how, .skipped, footer { color: var(--soft); font-size: .875rem }
.doubt { background: var(--warn); border-radius: .4rem; padding: .45rem .75rem }
"""
_TILES = """
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
  margin: 1.2rem 0 0;
}
.tiles div { background: var(--card); border-radius: .5rem; padding: .7rem .9rem }
dt { color: var(--soft); font-size: .8125rem }
dd { margin: 0; font-size: 1.4rem; font-weight: 600; line-height: 1.3 }
dd.below { font-size: .8125rem; font-weight: 400; color: var(--soft) }
.verdicts { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem }
.verdicts li {
  background: var(--card); border-radius: .4rem; padding: .6rem .9rem;
  border-left: .3rem solid var(--soft);
}
.verdicts p { margin: .1rem 0 }
.verdicts .confirmed { border-color: var(--bad) }
.verdicts .refuted { border-color: var(--good) }
.outcome { font-weight: 600; color: var(--soft) }
.confirmed .outcome { color: var(--bad) }
.refuted .outcome { color: var(--good) }
.fix { font-weight: 600 }
"""
_BARS = """
svg { display: block; fill: var(--ink) }
.bar { width: 100%; height: 1rem; border-radius: .2rem }
.track { fill: var(--line); opacity: .5 }
.pair .bar { height: .8rem; margin: .2rem 0 }
.whole { margin: .6rem 0 .2rem }
.whole .bar { height: 2.2rem; border-radius: .35rem }
.whole p { font-size: .875rem; color: var(--soft); margin: .5rem 0 .15rem }
.legend {
  list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem;
  padding: 0; margin: .5rem 0; font-size: .875rem;
}
.legend li { display: flex; align-items: center; gap: .4rem }
.swatch { width: .8rem; height: .8rem; border-radius: .15rem; flex: none }
table { border-collapse: collapse; width: 100%; font-size: .875rem }
td, th { padding: .2rem .6rem .2rem 0; text-align: left; font-weight: 400 }
th { width: 34% }
td.amount, td.note { width: 1%; white-space: nowrap; padding-right: 0 }
td.amount { text-align: right; font-variant-numeric: tabular-nums }
td.note { color: var(--soft); padding-left: .6rem }
.facts td, .facts th {
  border-bottom: 1px solid var(--line); width: auto; white-space: nowrap;
}
.facts thead th { color: var(--soft); font-size: .8125rem }
"""
_PLOTS = """
.plot { overflow-x: auto; margin: .6rem 0 }
.plot svg { width: 100%; min-width: 34rem; height: auto; font: 13px system-ui, sans-serif }
.line { fill: none; stroke-width: 2 }
circle { fill: var(--hue1) }
.grid { stroke: var(--line) }
.zero { stroke: var(--soft); stroke-dasharray: 2 3 }
.own { stroke: var(--hue4); stroke-width: 1.5; stroke-dasharray: 5 4 }
.range { stroke: var(--hue1); stroke-width: 2 }
.noise { fill: var(--shade) }
.breaks { fill: var(--red) }
.held { fill: var(--good) }
.bad { fill: var(--bad); font-weight: 700; font-size: 1.1em }
.spread { fill: var(--hue1); opacity: .25 }
.curves {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: .6rem 0;
}
.curves figure { margin: 0; background: var(--card); border-radius: .4rem; padding: .5rem .6rem }
.curves figcaption { font-size: .8125rem }
.curves .broke figcaption { color: var(--bad) }
.steps { width: 100%; height: auto }
"""
STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
{_TEXT}{_TILES}{_BARS}{_PLOTS}
@media (max-width: 30rem) {{ th {{ width: 38% }} }}
@media print {{ body {{ max-width: none }} section {{ break-inside: avoid }} }}
"""
