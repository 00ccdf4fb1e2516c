"""A Verdict as a card: HTML for notebooks, and the same in plain text."""


def html(verdict):
    return None


def text(verdict):
    lines = [f"{verdict.name}: {verdict.status}"]
    for tensor, told in verdict.mistakes.items():
        lines += [f"  {tensor}: {says}" for says in told]
    for f in verdict.findings:
        lines += [f"  {f.tensor}: {fact}" for fact in f.facts]
    if verdict.raised: lines.append(str(verdict.raised))
    return "\n".join(lines + verdict.remarks)
