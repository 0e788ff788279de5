// Package schema checks what postie prints with --json against events.json, a JSON Schema (draft 2020-12) that programs may
// use too. It knows as much of JSON Schema as that file needs.
package schema

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed events.json
var events []byte

// Check says what is wrong with an output: each line has to be an object of one of the kinds.
func Check(output []byte) error {
	var doc map[string]any
	if err := json.Unmarshal(events, &doc); err != nil {
		return fmt.Errorf("events.json: %w", err)
	}
	var errs []error
	for line := range bytes.Lines(output) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", line, err))
			continue
		}
		if err := event(doc, v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w (testdata/schema/events.json)", bytes.TrimSpace(line), err))
		}
	}
	return errors.Join(errs...)
}

// event takes the one kind whose name fits, so that the error is about that one.
func event(doc map[string]any, v map[string]any) error {
	kinds := doc["$defs"].(map[string]any)
	for _, one := range doc["oneOf"].([]any) {
		kind := kinds[strings.TrimPrefix(one.(map[string]any)["$ref"].(string), "#/$defs/")].(map[string]any)
		name := kind["properties"].(map[string]any)["event"].(map[string]any)
		if valid(name, v["event"]) == nil {
			return valid(kind, v)
		}
	}
	return fmt.Errorf("there is no event %v", v["event"])
}

// valid holds a value against a schema.
func valid(schema map[string]any, v any) error {
	if c, ok := schema["const"]; ok && c != v {
		return fmt.Errorf("%v is not %v", v, c)
	}
	if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, v) {
		return fmt.Errorf("%v is none of %v", v, list)
	}
	if t, ok := schema["type"]; ok && !isType(t, v) {
		return fmt.Errorf("%v is not of type %v", v, t)
	}
	if list, ok := v.([]any); ok && schema["items"] != nil {
		for i, item := range list {
			if err := valid(schema["items"].(map[string]any), item); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
	}
	if object, ok := v.(map[string]any); ok {
		return members(schema, object)
	}
	return nil
}

func members(schema, object map[string]any) error {
	required, _ := schema["required"].([]any)
	for _, key := range required {
		if _, ok := object[key.(string)]; !ok {
			return fmt.Errorf("%v is missing", key)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, v := range object {
		property, known := properties[key].(map[string]any)
		switch {
		case known:
			if err := valid(property, v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		case schema["additionalProperties"] == false:
			return fmt.Errorf("%s is not described", key)
		}
	}
	return nil
}

// isType: a type is a name or a list of names.
func isType(t, v any) bool {
	if list, ok := t.([]any); ok {
		return slices.ContainsFunc(list, func(t any) bool { return isType(t, v) })
	}
	switch v := v.(type) {
	case nil:
		return t == "null"
	case string:
		return t == "string"
	case bool:
		return t == "boolean"
	case float64:
		return t == "number" || t == "integer" && v == float64(int64(v))
	case []any:
		return t == "array"
	}
	return t == "object"
}
