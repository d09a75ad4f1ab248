// Package sorted visits maps in the order of their keys.
package sorted

import "slices"

// Keys returns the keys of a map, sorted. Most maps of settings are empty: it allocates
// nothing for these. It is safe for concurrent use with other readers of the map.
func Keys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
