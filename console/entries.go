package console

import (
	"net/http"
	"net/url"

	"souk"
)

// entries are what a form was filled in with and what is wrong with it, for the
// page that shows it again. The zero value is an empty form.
type entries struct {
	values url.Values
	wrong  map[string]string
}

// entries are those of the visit's form; bad is what the market said about them.
func (v *visit) entries(bad souk.Invalid) entries {
	e := entries{v.form, map[string]string{}}
	for _, p := range bad {
		if e.wrong[p.Field] == "" {
			e.wrong[p.Field] = p.Reason
		}
	}
	return e
}

// Value is what a field was filled in with.
func (e entries) Value(name string) string { return e.values.Get(name) }

// Wrong says what is wrong with a field; empty: nothing.
func (e entries) Wrong(name string) string { return e.wrong[name] }

// Filled reports whether the form was sent and could not be accepted.
func (e entries) Filled() bool { return e.wrong != nil }

// again answers a form that could not be accepted, for another try.
func again(page string, data any) answer {
	return answer{page: page, data: data, status: http.StatusUnprocessableEntity}
}

// input is one line of a form, for the template of that name.
type input struct {
	Name, Label, Type, Autocomplete string
	Value, Wrong, Hint              string
	Optional                        bool
}

// inputOf makes the line called name. What was typed into a password's is never
// shown again. options are "optional", or else a hint.
func inputOf(e entries, name, label, kind, autocomplete string, options ...string) input {
	i := input{Name: name, Label: label, Type: kind, Autocomplete: autocomplete, Wrong: e.Wrong(name)}
	if kind != "password" {
		i.Value = e.Value(name)
	}
	for _, o := range options {
		if o == "optional" {
			i.Optional = true
		} else {
			i.Hint = o
		}
	}
	return i
}
