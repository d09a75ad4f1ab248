// The last file of the package.

package config

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Schema returns the JSON Schema (draft-07) of a configuration file for the kinds of providers and
// stores in opts, for editors: with the keys, their types, defaults and descriptions. Of opts it
// uses Factories, Stores and Plugins. With Plugins, a session may name any provider, since a file
// may have kinds that opts does not; [Config.Schema] knows those of its files. The settings of a
// kind that describes none, as a plugin that was not started, are open: any key may be there.
//
// The schema accepts every file that loads by itself, without an overlay or a variable that gives
// the missing values. [Check] finds more than it. A kind that occurs twice is [core.CodeBadConfig].
func Schema(opts Options) ([]byte, error) {
	s, err := newSetup(opts)
	if err != nil {
		return nil, err
	}
	plugins := opts.Plugins != nil
	return schemaWriter{s.builtin, s.stores, plugins, plugins}.file()
}

// Schema returns the JSON Schema of the files of this configuration, as the function [Schema] does:
// with the kinds of the plugins that they name, and no others.
func (c *Config) Schema() ([]byte, error) {
	return schemaWriter{
		reg: c.reg, stores: c.setup.stores, plugins: c.setup.opts.Plugins != nil,
	}.file()
}

// schemaWriter makes a JSON Schema.
type schemaWriter struct {
	reg     *registry.Registry
	stores  storeKinds
	plugins bool // files may have the key plugins
	open    bool // sessions may name kinds that are not in reg
}

// node is a part of a JSON Schema.
type node = map[string]any

// reference describes a reference, which any value but an object and a list may be.
var reference = node{"$ref": "#/definitions/reference"}

func (w schemaWriter) file() ([]byte, error) {
	definitions := node{
		"store":   w.store(),
		"session": w.session(),
		"reference": node{
			"type": "string", "pattern": `\$\{`,
			"description": "A reference: ${env:NAME}, ${env:NAME:-DEFAULT}, ${file:PATH}, " +
				"or one of the program's own.",
		},
	}
	for _, info := range w.reg.Kinds() {
		if settings := w.settings(info.Kind); len(settings) > 0 {
			definitions["settings-"+info.Kind] = objectOf(settings, false)
			definitions["complete-"+info.Kind] = objectOf(settings, true)
		}
	}
	top := w.keys(fixedKeys.top)
	properties := top["properties"].(node)
	properties["sessions"] = described(
		node{"type": "object", "additionalProperties": ref("session")},
		settingNamed(fixedKeys.top, "sessions"))
	properties[schemaKey] = node{
		"type": "string", "description": "The name of this schema, for editors. It is not read.",
	}
	if w.plugins {
		properties["plugins"] = node{
			"type": []string{"object", "null"}, "description": "The plugins by name.",
			"additionalProperties": objectOf(schemaOf[pluginKeys](), true),
		}
	}
	top["$schema"] = "http://json-schema.org/draft-07/schema#"
	top["title"] = "A configuration of authsession"
	top["type"] = "object"
	top["patternProperties"] = node{"^x-": node{}} // they belong to the user
	top["definitions"] = definitions
	return json.MarshalIndent(top, "", "  ")
}

// settings returns the settings of a kind; none: they are not known.
func (w schemaWriter) settings(kind string) []core.Setting {
	f, err := w.reg.Factory(kind)
	if err != nil {
		return nil
	}
	return f.Settings()
}

// ref refers to a definition, whose name may have any characters (RFC 6901).
func ref(definition string) node {
	name := strings.NewReplacer("~", "~0", "/", "~1").Replace(definition)
	return node{"$ref": "#/definitions/" + url.PathEscape(name)}
}

// keys describes keys of the file. The key store is the same everywhere.
func (w schemaWriter) keys(schema []core.Setting) node {
	out := objectOf(schema, false)
	out["properties"].(node)["store"] = ref("store")
	return out
}

// session describes a session: its keys, and for each kind its settings.
func (w schemaWriter) session() node {
	out := w.keys(fixedKeys.session)
	section := w.keys(fixedKeys.environment)
	anything := node{"type": []string{"object", "null"}}
	section["properties"].(node)["settings"] = anything
	properties := out["properties"].(node)
	object := func(key string, n node) {
		n["type"] = anything["type"]
		properties[key] = described(n, settingNamed(fixedKeys.session, key))
	}
	object("settings", node{})
	object("environments", node{"additionalProperties": section})
	properties["provider"] = w.provider()
	var each []node
	for _, info := range w.reg.Kinds() {
		if then := w.ofKind(info); then != nil {
			each = append(each, node{"if": is("provider", info.Kind), "then": then})
		}
	}
	if each != nil {
		out["allOf"] = each
	}
	return out
}

// provider describes the key provider.
func (w schemaWriter) provider() node {
	var kinds, texts []string
	for _, info := range w.reg.Kinds() {
		kinds = append(kinds, info.Kind)
		if info.Summary != "" {
			texts = append(texts, info.Kind+": "+info.Summary)
		}
	}
	choices := []node{reference}
	if w.open {
		choices = []node{{"type": "string"}}
	}
	if kinds != nil {
		choices = append([]node{{"enum": kinds}}, choices...)
	}
	text := settingNamed(fixedKeys.session, "provider").Doc
	return node{"anyOf": choices, "description": strings.Join(append([]string{text}, texts...), "\n")}
}

// ofKind describes sessions of a kind; nil: as all others. A session that has sections for
// environments may have its required settings there.
func (w schemaWriter) ofKind(info core.Info) node {
	then := node{}
	environments := node{}
	if settings := w.settings(info.Kind); len(settings) > 0 {
		some := ref("settings-" + info.Kind)
		then["properties"] = node{"settings": some, "environments": environments}
		environments["additionalProperties"] = node{"properties": node{"settings": some}}
		whole := node{"properties": node{"settings": ref("complete-" + info.Kind)}}
		if len(required(settings)) > 0 {
			whole["required"] = []string{"settings"}
		}
		then["if"], then["then"] = node{"not": node{"required": []string{"environments"}}}, whole
	}
	if len(info.Environments) > 0 {
		environments["propertyNames"] = node{"enum": info.Environments}
		then["properties"] = merged(then["properties"], "environments", environments)
	}
	if len(then) == 0 {
		return nil
	}
	return then
}

func merged(properties any, key string, value node) node {
	out, _ := properties.(node)
	if out == nil {
		out = node{}
	}
	out[key] = value
	return out
}

// is describes the objects whose key has a value.
func is(key, value string) node {
	return node{"properties": node{key: node{"const": value}}, "required": []string{key}}
}

// store describes the key store: the keys of all kinds, and for each kind its own.
func (w schemaWriter) store() node {
	kind := settingNamed(schemaOf[storeKeys](storeDocs), "kind")
	choices := []node{{"enum": w.stores.names}, {"type": "null"}, reference}
	properties := node{"kind": described(node{"anyOf": choices}, kind)}
	for _, s := range w.stores.settings {
		properties[s.Name] = node{"description": s.Doc}
	}
	var each []node
	for _, name := range w.stores.names {
		then := node{}
		for _, s := range w.stores.settings {
			then[s.Name] = false
		}
		for _, s := range w.stores.factories[name].Settings() {
			then[s.Name] = valueOf(s, false)
		}
		each = append(each, node{"if": is("kind", name), "then": node{"properties": then}})
	}
	return node{
		"type": []string{"object", "null"}, "description": settingNamed(fixedKeys.session, "store").Doc,
		"properties": properties, "additionalProperties": false, "allOf": each,
	}
}

// required returns the names of the settings that a file must give.
func required(settings []core.Setting) (names []string) {
	for _, s := range settings {
		if s.Required && s.Default == "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// objectOf describes an object with these keys. With complete, it must have the required ones.
func objectOf(settings []core.Setting, complete bool) node {
	properties := node{}
	for _, s := range settings {
		properties[s.Name] = described(valueOf(s, complete), s)
	}
	out := node{
		"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false,
	}
	if names := required(settings); complete && len(names) > 0 {
		out["required"] = names
	}
	return out
}

// described adds the description of a setting to n.
func described(n node, s core.Setting) node {
	if s.Doc != "" {
		n["description"] = s.Doc
	}
	if s.Secret {
		n["writeOnly"] = true
	}
	if s.Default == "" {
		return n
	}
	var value any = s.Default
	if s.Type == "bool" || s.Type == "integer" || s.Type == "number" {
		if json.Unmarshal([]byte(s.Default), &value) != nil {
			return n
		}
	}
	n["default"] = value
	return n
}

// duration is the form of texts that [time.ParseDuration] reads, and of references.
const duration = `\$\{|^[+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

// valueOf describes the values of a setting. Null is the same as no key.
func valueOf(s core.Setting, complete bool) node {
	simple := map[string]string{"bool": "boolean", "integer": "integer", "number": "number"}
	elem := s
	switch {
	case strings.HasPrefix(s.Type, "list of "):
		elem.Type, elem.Enum = strings.TrimPrefix(s.Type, "list of "), nil
		return node{"type": []string{"array", "null"}, "items": valueOf(elem, complete)}
	case strings.HasPrefix(s.Type, "map of "):
		elem.Type, elem.Enum = strings.TrimPrefix(s.Type, "map of "), nil
		return node{"type": []string{"object", "null"}, "additionalProperties": valueOf(elem, complete)}
	case s.Type == "object":
		return objectOf(s.Fields, complete)
	case s.Type == "duration":
		return node{"type": []string{"string", "null"}, "pattern": duration}
	case s.Type == "string" && len(s.Enum) > 0:
		return node{"anyOf": []node{{"enum": s.Enum}, {"type": "null"}, reference}}
	case s.Type == "string":
		return node{"type": []string{"string", "null"}}
	case simple[s.Type] != "":
		return node{"anyOf": []node{{"type": []string{simple[s.Type], "null"}}, reference}}
	}
	return node{} // any, or a type of a later plugin
}
