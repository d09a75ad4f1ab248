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
// Nothing is started by that. The first session that authenticates starts the
// process; all sessions share it; it is stopped when idle, and started again
// when it is needed, also after a crash or a hang. What a plugin does wrong is
// an error of the one call, never more: see docs/security.md for what a plugin
// can and cannot do, and docs/plugin-protocol.md for writing one in another
// language.
//
// Read on in host.go, supervisor.go, process.go and remote.go, or in serve.go
// for the other side.
package plugins
