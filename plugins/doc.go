// Package plugins runs providers in processes of their own. The same
// [core.Factory] serves both ways: in the program, and as a plugin, whose
// whole main function is
//
//	func main() { plugins.Serve(ticket.Factory) }
//
// A program that embeds authsession names such a binary and gets its factories:
//
//	var host plugins.Host
//	defer host.Close(ctx)
//	factories, err := host.Factories(plugins.Binary{
//		Name: "ticket", Path: "/opt/acme/authsession-ticket", SHA256: "9f2c…",
//	})
//
// That starts nothing. The first session that authenticates starts the process;
// all sessions share it; it is stopped when idle, and started again when it is
// needed, also after a crash or a hang. A fault of a plugin is an error of the
// one call, never more: see docs/security.md for what a plugin can and cannot
// do, and docs/plugin-protocol.md for writing one in another language.
//
// Programs use [Host], [Binary] and [Description]; authors of plugins use
// [Serve].
//
// The files come in this order: what both sides share, the host's side, the
// plugin's side. The processes themselves are in plugins/internal/process.
// Read on in binary.go.
package plugins
