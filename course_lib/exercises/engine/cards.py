"""A Verdict as a card: HTML for notebooks, and the same in plain text.

The HTML is divs, tables and inline styles alone, because that is what an untrusted notebook lets through.
Everything that comes from a learner is escaped. Colour only repeats what words, outlines and numbers say.
"""

import re
from html import escape

import numpy as np

from course_lib.exercises.engine.compare import different

GREEN, ORANGE, RED, GREY = "#388e3c", "#e07b00", "#d32f2f", "#9e9e9e"  # edges: seen on light and on dark alike
HEADS = {
    "right": ("✓", "Right", "The lesson uses your answer from here on.", GREEN),
    "wrong": ("✗", "Not yet", "The lesson goes on with the library's answer.", ORANGE),
    "error": ("!", "Stopped", "The lesson goes on with the library's answer.", RED),
    "not attempted": ("○", "Not attempted", "The lesson goes on with the library's answer.", GREY),
}
HOW_TO_GO_ON = " When you have written yours, run its cell and then this one."
FEEDBACK = {
    True: ("✓", "Right", GREEN),
    False: ("✗", "Not quite", ORANGE),
    None: ("?", "Your prediction", GREY),
}
MOST_ROWS, MOST_COLUMNS = 9, 12
CURVES_WIDTH = 520
LEGEND = "Blue is above zero, orange below."
OUTLINED = "Outlined entries differ; · is no difference. "
UNKNOWN = "None of the known mistakes looks like this."
FONT = "var(--jp-content-font-color1, #212121)"
FAINT = "var(--jp-content-font-color2, #616161)"
ROW = '<tr style="background: transparent">'  # or the theme's stripes would shine through
CODE = "font-family: var(--jp-code-font-family, monospace); font-size: 13px"


# ---------------------------------------------------------------- HTML


def html(verdict):
    sign, word, then, colour = HEADS[verdict.status]
    found = {finding.tensor for finding in verdict.findings}
    parts = [
        f'<div style="font-size: 15px"><b>{sign} {word}</b> · <code>{escape(verdict.name)}</code></div>',
        *(
            _suspicion(f"{name}: ", says)
            for name, told in verdict.mistakes.items()
            if name not in found
            for says in told
        ),
        *_exception(verdict.raised),
        *(_tensor(finding, verdict) for finding in verdict.findings),
        *_legend([finding.picture for finding in verdict.findings if finding.picture]),
        *(_paragraph(_rich(remark)) for remark in verdict.remarks),
        *_printed(verdict.printed),
        _paragraph(escape(_what_now(verdict, then)), FAINT),
    ]
    return _box(colour, "".join(parts))


def _what_now(verdict, then):
    """The last line; a remark on a lab that was not attempted says already how to go on."""
    return then + HOW_TO_GO_ON if verdict.status == "not attempted" and not verdict.remarks else then


def _legend(pictures):
    if pictures:
        outlined = any(picture.yours.shape == picture.expected.shape for picture in pictures)
        yield _paragraph((OUTLINED if outlined else "") + LEGEND, FAINT)


def _box(edge, inner):
    return (
        f'<div style="border: 1px solid {edge}; border-left: 6px solid {edge}; border-radius: 4px; '
        f"padding: 10px 14px; margin: 6px 0; max-width: 820px; line-height: 1.45; color: {FONT}; "
        f'background: var(--jp-layout-color1, #ffffff)">{inner}</div>'
    )


def _paragraph(inner, colour=None):
    return f'<div style="margin-top: 8px{f"; color: {colour}" if colour else ""}">{inner}</div>'


def _tensor(finding, verdict):
    """Everything about one tensor: what it looks like, what is seen, and the pictures."""
    told = verdict.mistakes.get(finding.tensor, [UNKNOWN])
    rows = "".join(
        f'{ROW}<td style="color: {FAINT}; text-align: left; padding: 1px 14px 1px 0; '
        f'vertical-align: top; white-space: nowrap">{escape(label)}</td>'
        f'<td style="text-align: left; padding: 1px 0">{escape(fact)}</td></tr>'
        for label, fact in finding.facts
    )
    return (
        "".join(_suspicion(f"{finding.tensor}: ", says) for says in told)
        + f'<table style="margin: 6px 0 0 0; border: none">{rows}</table>'
        + (_picture(finding.picture) if finding.picture else "")
    )


def _suspicion(label, says):
    first, stop, rest = _rich(says).partition(". ")
    return (
        '<div style="margin-top: 10px; padding: 6px 10px; border-radius: 3px; '
        f'background: var(--jp-layout-color2, #f5f5f5)"><code style="background: transparent">{escape(label)}</code>'
        f"<b>{first}{stop}</b>{rest}</div>"
    )


def _exception(raised):
    if raised is None:
        return
    place = f" in {escape(raised.place)}" if raised.place else ""
    yield _paragraph(f"<b>{escape(raised.kind)}</b>{place}: {escape(raised.message)}")
    if raised.line:
        rows = "".join(
            f'<div style="{CODE}; color: {FAINT}">{escape(name)} = {escape(value)}</div>'
            for name, value in raised.values.items()
        )
        yield (
            '<div style="margin-top: 8px; padding: 6px 10px; border-left: 3px solid '
            f'{RED}"><div style="{CODE}"><b>{escape(raised.line)}</b></div>{rows}</div>'
        )
    yield _paragraph(f"It was called with {escape(raised.call)}.")


def _printed(text):
    if not text:
        return
    yield _paragraph("Your code printed:")
    yield (
        f'<pre style="{CODE}; margin: 4px 0 0 0; padding: 6px 10px; max-height: 180px; overflow: auto; '
        f'background: var(--jp-layout-color2, #f5f5f5); color: {FONT}">{escape(text)}</pre>'
    )


def feedback(answered):
    """What is said to a prediction, as a small card."""
    sign, word, colour = FEEDBACK[answered.right]
    return _box(colour, f"<div><b>{sign} {word}</b> · {_rich(answered.says)}</div>")


def feedback_text(answered):
    sign, word, *_ = FEEDBACK[answered.right]
    return f"{sign} {word}: {answered.says}"


def symptom_html(seen, name="", says=""):
    """What a function shows when it is run, as a card; says: how it is with the function of that name."""
    title = f"<div><b><code>{escape(name)}</code></b>: {escape(says)}</div>" if name else ""
    if seen is None:
        return _box(GREY, title)
    head = "".join(
        f'<th style="text-align: left; padding: 2px 16px 2px 0">{escape(str(cell))}</th>' for cell in seen.head
    )
    rows = "".join(
        ROW
        + "".join(f'<td style="text-align: left; padding: 2px 16px 2px 0">{escape(str(cell))}</td>' for cell in row)
        + "</tr>"
        for row in seen.rows
    )
    return _box(
        GREY,
        title
        + f"<div>{_rich(seen.says)}</div>"
        + (f'<table style="margin: 6px 0 0 0">{ROW}{head}</tr>{rows}</table>' if rows else "")
        + (_picture(seen.picture) if seen.picture else "")
        + "".join(_exception(seen.raised)),
    )


def curves(series):
    """name -> the loss of each step, as a PNG."""
    from course_lib import figures  # matplotlib takes long to load, and few cards need it

    def draw(ax):
        for (name, losses), style in zip(series.items(), ("-", "--"), strict=False):
            ax.plot(losses, style, label=name)
        first = max(losses[0] for losses in series.values())
        ax.set(xlabel="step", ylabel="loss", ylim=(0, 1.3 * first))  # one that diverges leaves the picture
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9)

    return figures.png(draw, CURVES_WIDTH, 230)


def symptom_text(seen):
    lines = [seen.says, *("  ".join(map(str, row)) for row in (seen.head, *seen.rows) if row)]
    lines += _picture_lines(seen.picture) if seen.picture else []
    lines += _exception_lines(seen.raised) if seen.raised else []
    return "\n".join(lines)


def _rich(says):
    """A sentence, escaped; `code` and *emphasis* as in Markdown."""
    says = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(says))
    return re.sub(r"(?<![\w*])\*(\w[^*<]*)\*(?!\w)", r"<em>\1</em>", says)


# ---------------------------------------------------------------- heat maps


def _picture(picture):
    flat = picture.expected.ndim < 2 and picture.yours.ndim < 2
    return _paragraph(escape(picture.title), FAINT) + (_flat_maps if flat else _square_maps)(picture)


def _maps(picture):
    """(label, array, which entries are outlined) for yours, expected and, where shapes allow it, the difference."""
    yours, expected = (np.atleast_1d(array).astype(float) for array in (picture.yours, picture.expected))
    own, other = picture.names
    if yours.shape != expected.shape:
        return [(f"{own} {yours.shape}", yours, None), (f"{other} {expected.shape}", expected, None)]
    off = different(yours, expected, picture.tolerance)
    with np.errstate(invalid="ignore"):
        gap = np.where(off, yours - expected, 0.0)
    return [(own, yours, off), (other, expected, None), (f"{own} − {other}", gap, off)]


def _flat_maps(picture):
    maps = _maps(picture)
    largest = _largest(maps)
    longest = max(len(array) for _, array, _ in maps)
    head = "".join(f"<th>{column}</th>" for column in range(min(longest, MOST_COLUMNS)))
    more = "<th>…</th>" if longest > MOST_COLUMNS else ""
    rows = "".join(
        f'{ROW}<th style="text-align: left">{escape(label)}</th>{_cells(array, off, largest, "−" in label)}</tr>'
        for label, array, off in maps
    )
    return f'<table style="margin: 4px 0">{ROW}<th></th>{head}{more}</tr>{rows}</table>'


def _square_maps(picture):
    maps = [
        (label, np.atleast_2d(array), off if off is None else np.atleast_2d(off))
        for label, array, off in _maps(picture)
    ]
    largest = _largest(maps)
    return "".join(
        '<div style="display: inline-block; vertical-align: top; margin: 4px 14px 4px 0">'
        f"<div><b>{escape(label)}</b></div>"
        f"{_grid(array, off, largest, '−' in label)}</div>"
        for label, array, off in maps
    )


def _grid(array, off, largest, difference):
    if not array.size:
        return "<div>(empty)</div>"
    rows = "".join(
        f"{ROW}{_cells(row, None if off is None else off[number], largest, difference)}</tr>"
        for number, row in enumerate(array[:MOST_ROWS])
    )
    more = "<div>…</div>" if len(array) > MOST_ROWS else ""
    return f'<table style="margin: 2px 0">{rows}</table>{more}'


def _cells(values, off, largest, difference):
    cells = []
    for place, value in enumerate(values[:MOST_COLUMNS]):
        differs = off is not None and bool(off[place])
        text = "·" if difference and not differs else _short(value)
        style = _shade(value, largest) + ("; outline: 2px solid; outline-offset: -2px" if differs else "")
        style += "; padding: 3px 6px; text-align: right"
        cells.append(f'<td style="{style}">{f"<b>{text}</b>" if differs else text}</td>')
    return "".join(cells) + ("<td>…</td>" if len(values) > MOST_COLUMNS else "")


def _largest(maps):
    values = np.concatenate([np.abs(np.asarray(array, float)).ravel() for _, array, _ in maps])
    return values[np.isfinite(values)].max(initial=0) or 1.0


def _shade(value, largest):
    """A see-through colour, so that the theme's own text stays legible on it."""
    if not np.isfinite(value):
        return "background: transparent"
    strength = 0.5 * min(abs(float(value)) / largest, 1)
    return f"background: rgba({'33, 118, 210' if value >= 0 else '230, 120, 20'}, {strength:.2f})"


def _short(value):
    text = f"{float(value):.3g}"
    return "0" if text == "-0" else text


# ---------------------------------------------------------------- plain text


def text(verdict):
    sign, word, then, *_ = HEADS[verdict.status]
    lines = [f"{sign} {word}: {verdict.name}"]
    for tensor, sentences in verdict.mistakes.items():
        lines += [f"  {tensor}: {says}" for says in sentences]
    if verdict.raised is not None:
        lines += _exception_lines(verdict.raised)
    for finding in verdict.findings:
        if finding.tensor not in verdict.mistakes:
            lines.append(f"  {finding.tensor}: {UNKNOWN}")
        lines += [f"    {label}: {fact}" for label, fact in finding.facts]
        lines += _picture_lines(finding.picture) if finding.picture else []
    lines += [f"  {remark}" for remark in verdict.remarks]
    if verdict.printed:
        lines += ["  Your code printed:", *(f"    {line}" for line in verdict.printed.splitlines())]
    return "\n".join([*lines, _what_now(verdict, then)])


def _exception_lines(raised):
    place = f" in {raised.place}" if raised.place else ""
    yield f"  {raised.kind}{place}: {raised.message}"
    if raised.line:
        yield f"    {raised.line}"
        yield from (f"    {name} = {value}" for name, value in raised.values.items())
    yield f"  It was called with {raised.call}."


def _picture_lines(picture):
    yield f"    {picture.title}"
    for label, array, _ in _maps(picture):
        shown = np.array2string(array[:MOST_ROWS], precision=3, suppress_small=True, threshold=200, max_line_width=100)
        yield f"    {label}:"
        yield from (f"      {line}" for line in shown.splitlines())
