package config_test

import (
	"testing"

	"github.com/authsession/authsession/internal/uses"
)

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"doc.go", "options.go", "faults.go", "place.go", "places.go", "tree.go",
	"readfile.go", "pipes.go", "report.go", "parser.go", "syntaxplace.go",
	"remedies.go", "json.go", "toml.go", "yamlsyntax.go", "yaml.go",
	"koanfsource.go", "resolvers.go", "referencesyntax.go", "references.go", "koanfvalues.go", "parse.go",
	"keys.go", "storekinds.go", "untyped.go", "plugins.go", "variables.go", "match.go",
	"session.go", "environment.go", "resolve.go",
	"stores.go", "apitls.go", "checkkeys.go", "checksession.go",
	"loaded.go", "load.go", "config.go", "koanfwatch.go", "resolverwatch.go", "watch.go",
	"variants.go", "checkinputs.go", "check.go", "source.go", "schema.go",
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) { uses.CheckOrder(t, ".", readingOrder, 0) }
