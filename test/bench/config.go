package main

import (
	"time"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

func configRows() ([]row, func()) {
	text := []byte(yamlOf(1_000))
	return []row{{
		title: "A configuration of 1,000 sessions",
		text:  number(float64(len(text)/1000)) + " KB of YAML. Ours checks it whole, as a load does: every key, type, reference and overlay of every session. The others parse it, and check nothing. To reach: 1.5 × koanf.",
		unit:  time.Millisecond,
		subs: []contender{
			{"koanf, load", peer, single(func() error {
				return koanf.New("/").Load(rawbytes.Provider(text), koanfyaml.Parser())
			})},
			{"yaml.v3, into a map", limit, single(func() error {
				var into map[string]any
				return yaml.Unmarshal(text, &into)
			})},
		},
	}}, func() {}
}
