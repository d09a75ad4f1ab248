// Read on in refusal.go.

package plugins

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Plugin returns the factories of a plugin that a configuration names, as
// [Host.Factories] does. With it and DescribePlugin, a Host can be
// config.Options.Plugins.
func (h *Host) Plugin(p registry.Plugin) ([]core.Factory, error) { return h.Factories(Binary(p)) }

// DescribePlugin starts a plugin that a configuration names, unless it runs,
// as [Host.Describe] does.
func (h *Host) DescribePlugin(ctx context.Context, p registry.Plugin) error {
	_, err := h.Describe(ctx, Binary(p))
	return err
}
