// What tab.go asks of a page. Everything is found as a person finds it: by words
// that are to be seen, and never by what the markup calls it.

const words = (text) => text.trim().replace(/\s+/g, ' ')

// refuse throws what is told without the place in this script.
const refuse = (why) => {
  throw Object.assign(new Error(why), { stack: why })
}

// only is the one element among candidates that is called name.
const only = (what, name, candidates, called) => {
  const found = candidates.filter((element) => called(element) === name)
  if (found.length !== 1) {
    const names = candidates.map(called).map((n) => JSON.stringify(n)).join(', ')
    refuse(`${found.length} ${what} are called ${JSON.stringify(name)}; there are ${names || 'none'}`)
  }
  return found[0]
}

const shown = (selector) => [...document.querySelectorAll(selector)].filter(
  (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))

// labelled is the control of the label whose first line says name.
const labelled = (name) => {
  const label = only('labels', name, shown('label'), (l) => words(l.innerText.trim().split('\n')[0]))
  if (!label.control) refuse(`the label ${JSON.stringify(name)} has no control`)
  return label.control
}

// told is what a button or a link is called to those who listen, which must
// have in it what is to be seen.
const told = (element) => {
  const sight = words(element.innerText)
  const name = words(element.ariaLabel ?? sight)
  if (!name.includes(sight)) refuse(`${JSON.stringify(sight)} is told as ${JSON.stringify(name)}`)
  return name
}

const button = (name) => only('buttons', name, shown('button, summary'), told)

const link = (name) => only('links', name, shown('a[href]'), told)

// ready puts the cursor into a text field, with all that it holds selected.
const ready = (name) => {
  const field = labelled(name)
  field.focus()
  field.select()
  if (document.activeElement !== field) refuse(`${JSON.stringify(name)} takes no input`)
}

const value = (name) => labelled(name).value

const checked = (name) => labelled(name).checked

// choose picks the option of a select that says option.
const choose = (name, option) => {
  const select = labelled(name)
  select.focus()
  select.value = only('options', option, [...select.options], (o) => words(o.label)).value
  select.dispatchEvent(new Event('input', { bubbles: true }))
  select.dispatchEvent(new Event('change', { bubbles: true }))
}

const text = () => document.body.innerText

// sideways tells what sticks out of a page that is so many pixels wide.
const sideways = (width) => {
  if (document.documentElement.scrollWidth <= width) return []
  const out = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 0.5)
  const deepest = out.filter((e) => !out.some((other) => other !== e && e.contains(other)))
  return [`the page is ${document.documentElement.scrollWidth} px wide`, ...deepest.map((e) => {
    const right = Math.ceil(e.getBoundingClientRect().right)
    return `${e.tagName.toLowerCase()}${e.className && '.' + e.className} reaches ${right} px: ${words(e.innerText).slice(0, 60)}`
  })]
}

// kept remembers between calls what the Tab key reached on this page.
const kept = (globalThis.reachedByTab ??= new Set())

// begin puts the keyboard at the beginning of the page.
const begin = () => {
  kept.clear()
  document.body.tabIndex = -1 // or the Tab key would go on from where it was
  document.body.focus({ preventScroll: true })
  document.body.removeAttribute('tabindex')
}

// reach notes what has the focus now: "" when it has left the page or been here
// before, else what is wrong with it or "seen".
const reach = () => {
  const at = document.activeElement
  if (at === document.body || kept.has(at)) return ''
  kept.add(at)
  const style = getComputedStyle(at)
  const visible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
  return visible || at.tagName === 'IFRAME' ? 'seen' : `the focus is not to be seen on ${calledAny(at)}`
}

// missed are what can be operated and was not reached. Of round buttons that
// belong together one is.
const missed = () => shown('a[href], button, input, select, textarea, summary')
  .filter((e) => e.type !== 'hidden' && !e.disabled && !kept.has(e))
  .filter((e) => e.type !== 'radio' || ![...kept].some((k) => k.type === 'radio' && k.name === e.name && k.form === e.form))
  .map((e) => `the Tab key does not reach ${calledAny(e)}`)

const calledAny = (e) => `${e.tagName.toLowerCase()} ${JSON.stringify(e.labels?.[0]?.innerText ?? e.innerText)}`
