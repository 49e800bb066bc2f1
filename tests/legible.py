"""Whether all can read and use what a page shows: axe's rules, text that does not fit, and the keyboard."""

import importlib

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
# JupyterLab's body has no height, for which axe takes all in it as hidden.
_RUN = """async selector => {
    document.body.style.minHeight = '100vh';
    const { violations } = await axe.run({ include: [[selector]] }, { resultTypes: ['violations'] });
    return violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(
        v => `${v.id}: ${v.nodes.map(n => n.html + ' ' + n.failureSummary).join('; ')}`);
}"""
_WIDER = """([selector, but]) => [...document.querySelectorAll(`${selector}, ${selector} *`)]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth && !e.matches(but))
    .map(e => `${e.scrollWidth} > ${e.clientWidth}: ${e.outerHTML.slice(0, 200)}`)"""
_LABEL = "e => e.getAttribute('aria-label') || e.textContent"
# Where the keyboard should stop, and where it is, if that can be seen.
STOPS = f"es => es.filter(e => !e.disabled && e.checkVisibility()).map({_LABEL})"
FOCUS = f"""() => {{
    const e = document.activeElement, seen = getComputedStyle(e).outlineStyle !== 'none';
    return seen ? ({_LABEL})(e) : `not seen to have the focus: ${{e.outerHTML}}`;
}}"""


def findings(page, selector):
    """What axe finds serious or critical in the elements that a selector finds, which has to find some."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(importlib.import_module("axe_playwright_python.base").AXE_SCRIPT)
    return page.evaluate(_RUN, selector)


def wider(page, selector, but="none"):
    """Elements whose content is wider than they are, so that text is cut off or has to be scrolled to."""
    assert page.locator(selector).count()
    return page.evaluate(_WIDER, [selector, but])


def walk(page, count):
    """Where the keyboard goes in so many steps."""
    for _ in range(count):
        page.keyboard.press("Tab")
        yield page.evaluate(FOCUS)
