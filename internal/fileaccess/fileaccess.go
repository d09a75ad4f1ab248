// Package fileaccess says whose a file is, and which users besides its owner may
// read or change it. It is the one place for the rule, which is that of PostgreSQL
// for the keys of TLS:
//
//   - A file belongs to the user of this process, or to root.
//   - The group may read what root owns. So a Secret of Kubernetes in a pod with
//     an fsGroup can be used, which is root's with the mode 0440.
//   - Nobody else may read or change it.
//
// On Windows all files are accepted: the modes that Go reports there are not the
// permissions, which a file inherits from the user's folder.
package fileaccess

import (
	"fmt"
	"io/fs"
)

// root is the user id of the administrator.
const root = 0

// nobody is the user id that Linux shows for a user whom a user namespace does
// not map.
const nobody = 65534

// OfAnother returns a text such as "belongs to user 1001, and this process runs as
// user 1000" if the file belongs neither to the effective user of this process nor
// to root, and otherwise "".
func OfAnother(info fs.FileInfo) string { return ofAnother(info, effectiveUser()) }

func ofAnother(info fs.FileInfo, user int) string {
	owner, known := ownerOf(info)
	if !known || owner == user || owner == root {
		return ""
	}
	text := fmt.Sprintf("belongs to user %d, and this process runs as user %d", owner, user)
	if owner == nobody {
		text += fmt.Sprintf(" (%d may stand for a user that this container does not map)", nobody)
	}
	return text
}

// OfRoot reports whether the file belongs to root and this process has another user,
// who cannot change its mode.
func OfRoot(info fs.FileInfo) bool { return ofRoot(info, effectiveUser()) }

func ofRoot(info fs.FileInfo, user int) bool {
	owner, known := ownerOf(info)
	return known && owner == root && user != root
}

// OthersMayRead reports whether users other than the owner may read or change the
// file. The group of a file of root's may read it.
func OthersMayRead(info fs.FileInfo) bool {
	owner, known := ownerOf(info)
	switch {
	case !known:
		return false
	case owner == root:
		return info.Mode().Perm()&0o037 != 0
	}
	return info.Mode().Perm()&0o077 != 0
}

// OthersMayChange reports whether users other than the owner may change the file, or
// the entries of the folder.
func OthersMayChange(info fs.FileInfo) bool {
	_, known := ownerOf(info)
	return known && info.Mode().Perm()&0o022 != 0
}
