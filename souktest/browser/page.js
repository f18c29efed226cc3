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
