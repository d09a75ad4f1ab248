package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// FirstFactory is the kind of store "first": an ordered list of the kinds of this
// package, of which the first that works on the machine is used. It makes stores with
// [First].
var FirstFactory = core.NewStoreFactory(
	core.StoreInfo{Kind: kindFirst, Summary: "the first store of a list that works on this machine"},
	func(_ context.Context, s firstSettings) (core.Store, error) { return s.store(), nil })

// listed are the kinds that the list of a store of the kind "first" may have.
var listed = []string{kindFile, kindKeyring, kindMemory}

// firstSettings are the keys of a store of the kind "first".
type firstSettings struct {
	Stores  []string `json:"stores" required:"true" doc:"The kinds in order: file, keyring, memory."`
	Path    string   `json:"path" doc:"That of the kind file."`
	KeyFile string   `json:"key_file" doc:"That of the kind file."`
	Service string   `json:"service" doc:"That of the kinds keyring and file."`
}

func (s firstSettings) store() core.Store {
	var stores []core.Store
	for _, kind := range s.Stores {
		switch kind {
		case kindFile:
			stores = append(stores,
				File(FileOptions{Dir: s.Path, KeyFile: s.KeyFile, Service: s.Service}))
		case kindKeyring:
			stores = append(stores, Keyring(KeyringOptions{Service: s.Service}))
		case kindMemory:
			stores = append(stores, Memory())
		}
	}
	return First(stores...)
}

// Validate reports settings that do not have the effect that their author expects.
func (s *firstSettings) Validate() error {
	faults := append(s.checkList(), checkPaths(s.Path, s.KeyFile)...)
	add := func(wrong bool, key, problem string) {
		if wrong {
			faults = append(faults, core.Fault{Path: []string{key}, Problem: problem})
		}
	}
	file, ring := slices.Index(s.Stores, kindFile), slices.Index(s.Stores, kindKeyring)
	add(s.Path != "" && file < 0, "path", "is for the kind file, which is not in stores")
	add(s.KeyFile != "" && file < 0, "key_file", "is for the kind file, which is not in stores")
	add(s.Service != "" && ring < 0 && (file < 0 || s.KeyFile != ""), "service",
		"is for a keyring, which is not used")
	add(ring >= 0 && ring < file && s.KeyFile == "", "key_file", "is needed: without it, "+
		"the key of the kind file is in the keyring, so that file works only where keyring does")
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// checkList reports what is wrong with the list of kinds.
func (s *firstSettings) checkList() (faults core.Faults) {
	names := strings.Join(listed, ", ")
	if len(s.Stores) == 0 {
		return core.Faults{{Path: []string{"stores"}, Problem: "is empty: want some of " + names}}
	}
	for i, kind := range s.Stores {
		add := func(problem string) {
			path := []string{"stores", strconv.Itoa(i)}
			faults = append(faults, core.Fault{Path: path, Problem: problem})
		}
		switch {
		case !slices.Contains(listed, kind):
			add("want one of " + names + core.DidYouMean(kind, listed))
		case slices.Index(s.Stores, kind) < i:
			add("is in the list twice")
		case kind == kindMemory && i < len(s.Stores)-1:
			add("memory always works, so that what follows it is never used")
		}
	}
	return faults
}
