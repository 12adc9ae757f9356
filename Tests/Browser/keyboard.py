"""Whether a page can be used by keyboard alone: Tab reaches everything, in view, and shows where it is."""

STEPS_MAX = 400
# So many are pressed beyond those that a page has at least, and so many more at a time if that was not the end.
STEPS_BEYOND, STEPS_AT_ONCE = 2, 20
# A field for a moment has its day, month, year, hours, minutes and calendar one behind the other.
STEPS_WITHIN_MAX = 10

# Everything that a person could press or fill in, numbered. Of a group of radio buttons Tab reaches one.
NUMBER = """
() => {
  const groups = new Set();
  const all = 'a[href], area[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]';
  const reachable = [...document.querySelectorAll(all)].filter(part => {
    if (part.disabled || part.type === 'hidden' || part.tabIndex < 0 || part.closest('[inert]')) return false;
    if (part.matches('summary') && part.parentElement.tagName !== 'DETAILS') return false;
    if (!part.checkVisibility({ visibilityProperty: true })) return false;
    if (part.type !== 'radio') return true;
    const group = (part.form?.action || '') + ' ' + part.name;
    const isFirst = !groups.has(group);
    groups.add(group);
    return isFirst;
  });
  const names = reachable.map(part => part.outerHTML.slice(0, 120).replace(/\\s+/g, ' '));
  reachable.forEach((part, number) => part.dataset.step = number);
  for (const radio of document.querySelectorAll('input[type=radio]')) {
    const steps = [...document.querySelectorAll('input[type=radio][data-step]')];
    const first = steps.find(it => it.name === radio.name && it.form === radio.form);
    if (first) radio.dataset.step = first.dataset.step;
  }
  return names;
}
"""

# Where the focus is, and whether that can be seen.
HERE = """
() => {
  const part = document.activeElement;
  if (!part || part === document.body || part === document.documentElement) return null;
  const box = part.getBoundingClientRect();
  // A choice may be marked by the label around it.
  const outside = part.closest('label') || part;
  const isMarked = it => {
    const style = getComputedStyle(it);
    return style.outlineStyle !== 'none' && style.outlineWidth !== '0px' || style.boxShadow !== 'none';
  };
  return {
    step: part.dataset.step === undefined ? null : Number(part.dataset.step),
    html: part.outerHTML.slice(0, 120).replace(/\\s+/g, ' '),
    inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0 && box.height > 0,
    isMarked: isMarked(part) || isMarked(outside),
  };
}
"""

# Begins a walk at the top of the page, where somebody is who has just come: an element that is gone again leaves the place where it was
# as the one that Tab goes on from. From then on each press of Tab first notes where the press before it led, so that the steps of a walk
# are asked for once and not one by one.
BEGIN = f"""
() => {{
  const top = document.createElement('span');
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus();
  top.remove();
  scrollTo(0, 0);
  const steps = [], here = {HERE};
  const note = event => {{ if (event.key === 'Tab') steps.push(here()); }};
  addEventListener('keydown', note, true);
  window.inletWalk = {{ steps: () => [...steps.slice(1), here()], end: () => removeEventListener('keydown', note, true) }};
}}
"""


def keyboard_findings(page):
    """Goes through the page by Tab, from its top, and says what cannot be reached or seen."""
    names = page.evaluate(NUMBER)
    if not names:
        return []
    page.evaluate(BEGIN)
    pressed, found = 0, None
    # Some steps are of no number of ours: what scrolls can have the focus too, and a field for a moment has several places.
    for more in [len(names) + STEPS_BEYOND, *[STEPS_AT_ONCE] * (STEPS_MAX // STEPS_AT_ONCE)]:
        # Held down, it goes on from one to the next, at half the cost of being pressed each time.
        for _ in range(more):
            page.keyboard.down("Tab")
        page.keyboard.up("Tab")
        pressed += more
        found = judge(names, page.evaluate("() => window.inletWalk.steps()"), pressed >= STEPS_MAX)
        if found is not None:
            break
    page.evaluate("() => { window.inletWalk.end(); document.activeElement?.blur(); scrollTo(0, 0); }")
    return found


def judge(names, steps, is_all):
    """What is wrong with a walk; None if it has not come to its end yet, and is to go on."""
    reached, found, last, within = set(), [], None, 0
    for here in steps:
        if here is None:
            break
        within = within + 1 if here["step"] is not None and here["step"] == last else 0
        if within > STEPS_WITHIN_MAX or (here["step"] in reached and not within):
            break
        if within:
            continue
        last = here["step"]
        if here["step"] is not None:
            reached.add(here["step"])
        if not here["inView"]:
            found.append(f"focus is out of view at {here['html']}")
        elif not here["isMarked"]:
            found.append(f"focus cannot be seen at {here['html']}")
    else:
        return found if is_all else None
    return found + [f"Tab does not reach {name}" for step, name in enumerate(names) if step not in reached]


def check_keyboard(page):
    """Raises with everything on the page that somebody without a mouse cannot reach, or not see."""
    found = keyboard_findings(page)
    assert not found, f"\n{page.url}\n" + "\n".join(f"   {one}" for one in found)
