package giosg

import (
	"bytes"
	"encoding/json"
	"strings"
)

// difference keeps of a resource its id and the attributes that are not as they
// were, in their order: of a pair such as icon_asset_id and icon_asset both when
// one differs, and updated_at beside anything else. Nil when nothing differs
// that shows.
func difference(was, now json.RawMessage) (json.RawMessage, error) {
	before, _, err := members(was)
	if err != nil {
		return nil, err
	}
	after, order, err := members(now)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for name, value := range after {
		if name != "updated_at" && !bytes.Equal(before[name], value) {
			changed[name], changed[name+"_id"] = true, true
			changed[strings.TrimSuffix(name, "_id")] = true
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	changed["id"], changed["updated_at"] = true, true
	var out bytes.Buffer
	for _, name := range order {
		if !changed[name] {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		key, err := marshal(name)
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(after[name])
	}
	return json.RawMessage("{" + out.String() + "}"), nil
}

// members takes an object apart, with the order of its names.
func members(object json.RawMessage) (found map[string]json.RawMessage, order []string, err error) {
	found = map[string]json.RawMessage{}
	tokens := json.NewDecoder(bytes.NewReader(object))
	if _, err := tokens.Token(); err != nil {
		return nil, nil, err
	}
	for tokens.More() {
		name, err := tokens.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := tokens.Decode(&value); err != nil {
			return nil, nil, err
		}
		found[name.(string)] = value
		order = append(order, name.(string))
	}
	return found, order, nil
}
