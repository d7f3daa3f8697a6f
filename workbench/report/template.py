"""The words and the look of a report: a template and two style sheets, one for screens and one for paper."""

from __future__ import annotations

SCREEN = """
:root { color-scheme: light dark; --ground:#F3F5F8; --surface:#FFFFFF; --raised:#EDF0F5; --line:#D9DEE7;
  --text:#1B2130; --dim:#596274; --accent:#1E5DD3; --ok:#18714F; --error:#B6323D; }
@media (prefers-color-scheme: dark) { :root { --ground:#14161A; --surface:#1B1E24; --raised:#242932; --line:#2E343F;
  --text:#E6E9EF; --dim:#98A2B3; --accent:#5B9DFF; --ok:#3FB68B; --error:#E97C84; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--ground); color:var(--text); line-height:1.5; font-size:15px;
  font-family: Inter, "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 28px; line-height:1.2; margin:0 0 4px; overflow-wrap:anywhere; }
h2 { font-size: 18px; margin: 40px 0 12px; }
h3 { font-size: 14px; margin: 0 0 8px; }
a { color: var(--accent); }
.dim, .note { color: var(--dim); } .note { font-size: 13px; margin: 8px 0 0; }
.card { background:var(--surface); border:1px solid var(--line); border-radius:8px; padding:16px; margin-bottom:16px;
  overflow-x:auto; }
.grid { display:grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap:16px; }
.grid .card { margin:0; min-width:0; }
@media (max-width: 560px) { .grid { grid-template-columns: 1fr; } main { padding: 24px 12px; } }
.tiles { display:flex; flex-wrap:wrap; gap:16px; margin:24px 0 0; }
.tile { background:var(--surface); border:1px solid var(--line); border-radius:8px; padding:12px 16px;
  min-width:132px; }
.tile b { display:block; font-size:24px; line-height:1.3; font-weight:650; }
table { border-collapse:collapse; width:100%; font-size:14px; }
th, td { text-align:left; padding:6px 16px 6px 0; border-bottom:1px solid var(--line); vertical-align:top;
  overflow-wrap:anywhere; }
th { color:var(--dim); font-weight:500; white-space:nowrap; } tr:last-child td { border-bottom:none; }
td.number, th.number { text-align:right; white-space:nowrap; } .best { color:var(--ok); font-weight:650; }
code, pre { font-family: "JetBrains Mono", Consolas, Menlo, monospace; font-size:13px; }
pre { white-space:pre-wrap; overflow-wrap:anywhere; margin:0; }
.log { max-height: 420px; overflow:auto; } .warning { color:#885A17; } .error { color:var(--error); }
svg { width:100%; height:auto; display:block; } svg text { font-family: inherit !important; }
img { max-width:100%; display:block; background:#FFFFFF; border-radius:4px; }
.legend { display:flex; flex-wrap:wrap; gap:4px 16px; margin:0 0 12px; font-size:13px; color:var(--dim); }
.confusion td, .confusion th { text-align:center; padding:4px; font-size:12px; border:1px solid var(--surface); }
.confusion { width:auto; } .confusion th.row { text-align:right; }
.confusion th.head { writing-mode:vertical-rl; transform:rotate(180deg); text-align:left; }
mark { color:inherit; border-radius:4px; padding:1px 4px; } mark small { color:var(--dim); margin-left:4px; }
.passage { margin:0 0 12px; } .passage:last-child { margin:0; }
details { margin-top:16px; } summary { cursor:pointer; font-weight:600; padding:8px 0; }
.problem { border-left:4px solid var(--error); }
footer { margin-top:48px; color:var(--dim); font-size:13px; }
@media print { body { background:#FFFFFF; } .card, .tile { break-inside:avoid; } details { display:block; } }
"""
PAPER = """
body { color:#1B2130; } h1 { font-size:18pt; margin-bottom:2px; } h2 { font-size:13pt; margin-top:18px; }
h3 { font-size:10pt; margin-bottom:2px; margin-top:10px; } .dim, .note, footer { color:#596274; }
th { color:#596274; text-align:left; font-weight:normal; } td, th { padding:3px 8px 3px 0; font-size:8.5pt; }
.best { color:#18714F; font-weight:bold; } .number { text-align:right; } code, pre { font-size:7.5pt; }
pre { white-space:pre-wrap; } .error { color:#B6323D; } .warning { color:#8A5A10; } .big { font-size:15pt; }
.confusion td, .confusion th { padding:2px 3px; font-size:7pt; } a { color:#1E5DD3; text-decoration:none; }
"""
TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Transfer Workbench {{ version }}">
<title>{{ title }}</title><style>{{ css|safe }}</style></head><body><main>
{% macro show_piece(one) %}
<h3>{{ one.title }} <span class="dim">{{ one.caption }}</span></h3>
{% if one.kind == "table" %}
<table width="100%" cellspacing="0"><tr>{% for name, numeric in one.content.head %}
<th class="{{ 'number' if numeric }}" {% if numeric %}align="right"{% endif %}>{{ name }}</th>{% endfor %}</tr>
{% for row in one.content.rows %}<tr>{% for text, best in row %}{% set numeric = one.content.head[loop.index0][1] %}
<td class="{{ 'number' if numeric }} {{ 'best' if best }}" {% if numeric %}align="right"{% endif %}>{{ text }}</td>
{% endfor %}</tr>{% endfor %}</table>
{% elif one.kind == "confusion" %}
<table class="confusion" cellspacing="0"><tr><th class="dim">true \\ predicted</th>
{% for label in one.content.labels %}<th class="head">{{ label }}</th>{% endfor %}</tr>
{% for label, cells in one.content.rows %}<tr><th class="row" align="right">{{ label }}</th>
{% for count, share in cells %}<td align="center" {{ heat("#1E5DD3", share) }}>{{ count }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% elif one.kind == "spans" %}
{% for text in one.content %}<p class="passage">{% if text.title %}<b>{{ text.title }}</b> {% endif -%}
{% for part in text.parts %}{% if part.mark -%}
<mark {{ heat(marks[part.place % 8] if part.share >= 0 else "#B6323D", 0.45 * part.share|abs) }}>{{ part.text }}
{%- if part.label %} <small>{{ part.label }}</small>{% endif %}</mark>
{%- else %}{{ part.text }}{% endif %}{% endfor %}{% if text.note %} <span class="dim">{{ text.note }}</span>{% endif %}
</p>{% endfor %}
{% elif one.kind == "text" %}<pre>{{ one.content }}</pre>
{% elif one.kind == "picture" %}<img src="{{ one.content }}" alt="{{ one.title }}" {% if paper %}width="300"{% endif %}>
{% elif one.kind == "map" %}
<p class="legend">{% for name, colour in one.content.legend %}<span><span style="color:{{ colour }}">●</span>
{{ name }}</span> {% endfor %}</p>
{% if one.content.inline %}{{ one.content.picture|safe }}
{% else %}<img src="{{ one.content.picture }}" alt="{{ one.title }}" width="320">{% endif %}
{% endif %}
{% if one.note %}<p class="note">{{ one.note }}</p>{% endif %}
{% endmacro %}

{% macro figures_table() %}
<table width="100%" cellspacing="0"><tr><th>number</th><th></th>
{% for run in runs %}<th class="number" align="right">{% if several %}<span style="color:{{ run.colour }}">●</span>
{{ run.name }}{% else %}value{% endif %}</th>{% if not several %}<th class="number" align="right">at step</th>
{% endif %}{% endfor %}</tr>
{% for one in figures %}<tr><td>{{ one.name }}</td><td class="dim">{{ one.what }}</td>
{% for cell in one.cells %}<td class="number {{ 'best' if cell.best }}" align="right">{{ cell.text }}</td>
{% if not several %}<td class="number dim" align="right">{{ cell.step if cell.step is not none else "" }}</td>
{% endif %}
{% endfor %}</tr>{% endfor %}</table>
{% endmacro %}

{% macro whole(run) %}
{% if run.problem %}<div class="card problem"><b class="error">{{ run.problem.what }}</b>
{% if run.problem.received %}<br>{{ run.problem.received }}{% endif %}
{% if run.problem.fix %}<br><span class="dim">{{ run.problem.fix }}</span>{% endif %}</div>{% endif %}
{% if run.pieces %}<h2>What it showed last</h2>
{% if paper %}{% for one in run.pieces %}<div>{{ show_piece(one) }}</div>{% endfor %}
{% else %}<div class="grid">{% for one in run.pieces %}<div class="card">{{ show_piece(one) }}</div>{% endfor %}</div>
{% endif %}{% endif %}
<h2>How it was set</h2>
<div class="card"><table width="100%" cellspacing="0">
{% for name, value in run.facts %}<tr><td class="dim" width="24%">{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}
</table></div>
{% if run.knobs %}<h3>Knobs</h3><div class="card"><table width="100%" cellspacing="0">
<tr><th>knob</th><th>value</th><th>meaning</th></tr>
{% for one in run.knobs %}<tr><td title="{{ one.flag }}">{{ one.name }}</td>
<td>{% if one.changed %}<b>{{ one.value }}</b>{% else %}{{ one.value }}{% endif %} {{ one.unit }}</td>
<td class="dim">{{ one.help }}</td></tr>{% endfor %}</table>
{% if run.knobs|selectattr("changed")|list %}
<p class="note">Bold: other than in the recipe's desk preset.</p>{% endif %}
</div>{% endif %}
{% if run.inputs %}<h2>What it read</h2><div class="card"><table width="100%" cellspacing="0">
<tr><th>input</th><th>from</th><th>SHA-256</th></tr>
{% for slot, address, digest in run.inputs %}<tr><td>{{ slot }}</td><td>{{ address }}</td>
<td><code>{{ digest or "none was taken" }}</code></td></tr>{% endfor %}</table></div>{% endif %}
{% if run.packages %}<h2>Environment</h2><div class="card"><table width="100%" cellspacing="0">
{% for name, version in run.packages %}<tr><td class="dim" width="24%">{{ name }}</td><td>{{ version }}</td></tr>
{% endfor %}</table></div>{% endif %}
<h2>Log</h2><div class="card log"><pre>
{%- for at, level, message in run.log %}<span class="dim">{{ at }}</span>  <span class="{{ level if level in
("warning", "error") }}">{{ message }}</span>
{% else %}Nothing was logged.{% endfor %}</pre>
{% if run.log_lines > run.log|length %}<p class="note">The last {{ run.log|length }} of {{ run.log_lines }} lines.</p>
{% endif %}</div>
{% endmacro %}

<h1>{{ title }}</h1>
{% for run in runs %}{% if several %}
<p style="margin:4px 0"><span style="color:{{ run.colour }}">●</span> <b>{{ run.name }}</b>
<span class="dim">{{ run.recipe_title or run.recipe }} · {{ run.state }} · {{ run.id }}</span></p>
{% else %}
<p class="dim" style="margin:0">{{ run.recipe }} · {{ run.state }} · run {{ run.id }}</p>
{% if run.about %}<p>{{ run.about.idea }}<br><span class="dim">{{ run.about.title }}, {{ run.about.year }}</span>
{% if run.about.arxiv %}<a href="https://arxiv.org/abs/{{ run.about.arxiv }}">arXiv {{ run.about.arxiv }}</a>{% endif %}
</p>{% endif %}
{% if run.results %}{% if paper %}<table cellspacing="0"><tr>
{% for name, value in run.results[:6] %}<td width="110"><span class="dim">{{ name }}</span><br>
<span class="big"><b>{{ value }}</b></span></td>{% endfor %}</tr></table>
{% else %}<div class="tiles">{% for name, value in run.results %}<div class="tile"><span class="dim">{{ name }}</span>
<b>{{ value }}</b></div>{% endfor %}</div>{% endif %}{% endif %}
{% endif %}{% endfor %}

{% if several %}<h2>What was set differently</h2>
{% if differences %}<div class="card"><table width="100%" cellspacing="0"><tr><th>setting</th>
{% for run in runs %}<th><span style="color:{{ run.colour }}">●</span> {{ run.name }}</th>{% endfor %}</tr>
{% for one in differences %}<tr><td>{{ one.name }} <span class="dim">{{ one.group }}</span></td>
{% for value in one.values %}<td>{{ value or "–" }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% else %}<p class="dim">Nothing: these runs were set alike.</p>{% endif %}{% endif %}

{% if figures %}<h2>Results</h2><div class="card">{{ figures_table() }}</div>{% endif %}
{% if charts %}<h2>Curves</h2>
<p class="legend">{% for mark, name, colour in legend %}
<span><span {% if colour %}style="color:{{ colour }}"{% endif %}>
{{ mark }}</span> {{ name }}</span> {% endfor %}</p>
{% if paper %}<table width="100%" cellspacing="0">{% for pair in charts|batch(2) %}<tr>{% for one in pair %}
<td width="50%"><b>{{ one.title }}</b><br><img src="{{ one.picture }}" width="300"></td>{% endfor %}</tr>{% endfor %}
</table>
{% else %}<div class="grid">{% for one in charts %}<div class="card"><h3>{{ one.title }}</h3>{{ one.svg|safe }}</div>
{% endfor %}</div>{% endif %}{% endif %}

{% if not several %}{{ whole(runs[0]) }}
{% else %}{% for run in runs %}{% if paper %}
<h1 style="page-break-before:always"><span style="color:{{ run.colour }}">●</span> {{ run.name }}</h1>
<p class="dim">{{ run.recipe }} · {{ run.state }} · {{ run.id }}</p>{{ whole(run) }}
{% else %}<details><summary><span style="color:{{ run.colour }}">●</span> {{ run.name }}
<span class="dim">{{ run.id }}</span></summary>{{ whole(run) }}</details>{% endif %}{% endfor %}{% endif %}
<footer>Written by Transfer Workbench {{ version }} on {{ made }}.</footer>
</main></body></html>
"""
