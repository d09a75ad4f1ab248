// Read on in entry.go.

package registry

// Plugin names a program that serves providers from a process of its own, as a
// configuration describes it. Package plugins runs it.
type Plugin struct {
	// Name is what errors and logs call the plugin: letters, digits, "-", "_"
	// and ".".
	Name string
	// Path is the program's absolute path.
	Path string
	// SHA256 is the checksum of the file: 64 hexadecimal digits.
	SHA256 string
	// Args are the program's arguments. Other users of the machine can see
	// them, so that no secret belongs here.
	Args []string
	// Env names the variables of this process that the plugin gets. Nil: none.
	Env []string
	// Kinds are the kinds of providers that are used. Nil: the one called Name.
	Kinds []string
}
