// Read on in origin.go.

package core

// NamedStore is an optional interface of a [Store]: the name of the store for
// people, such as "keyring", which [Status].Store shows. Without it, Status has no
// name.
type NamedStore interface {
	// StoreName returns the name, or "" as long as the store has not decided where it
	// keeps values. It does not wait, and the name has no secret.
	StoreName() string
}

// storeName returns the name of a store, if it has one.
func storeName(s Store) string {
	if named, ok := s.(NamedStore); ok {
		return named.StoreName()
	}
	return ""
}
