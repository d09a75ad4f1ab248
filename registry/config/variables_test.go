package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVariablesOfOthers proves that what Kubernetes sets for a Service named authsession or
// authsession-…, and a plugin's own handshake, are no fault; a misspelt key stays one.
func TestVariablesOfOthers(t *testing.T) {
	const three = "sessions:\n  a: {provider: oauth2, settings: {client_id: x}, environments: {qa: {early: 1s}}}\n"
	load(t, options(t, "a.yaml", three, "AUTHSESSION_ENVIRONMENT=qa",
		"AUTHSESSION_PORT=tcp://10.0.0.7:443",
		"AUTHSESSION_PORT_443_TCP=tcp://10.0.0.7:443",
		"AUTHSESSION_PORT_443_TCP_PROTO=tcp",
		"AUTHSESSION_PORT_443_TCP_PORT=443",
		"AUTHSESSION_PORT_443_TCP_ADDR=10.0.0.7",
		"AUTHSESSION_SERVICE_HOST=10.0.0.7",
		"AUTHSESSION_SERVICE_PORT=443",
		"AUTHSESSION_SERVICE_PORT_HTTPS_WEB=443",
		"AUTHSESSION_GATEWAY_PORT=udp://[fd00::7]:53",
		"AUTHSESSION_GATEWAY_PORT_53_UDP_PROTO=udp",
		"AUTHSESSION_GATEWAY_V2_SERVICE_HOST=fd00::7",
		"AUTHSESSION_GATEWAY_V2_SERVICE_PORT=53",
		"AUTHSESSION_SIGNAL_PORT_9_SCTP=sctp://10.0.0.7:9",
		"AUTHSESSION_PLUGIN=of-a-plugin",
		"AUTHSESSION_CONFIG=other.yaml",
		"AUTHSESSION_DEPTH=1",
	))
	for variable, want := range map[string]string{
		"AUTHSESSION_ENVIROMENT=qa":         "AUTHSESSION_ENVIROMENT: ",
		"AUTHSESSION_PORT=somewhere":        "AUTHSESSION_PORT: ",
		"AUTHSESSION_SERVICE_HOST=api.test": "AUTHSESSION_SERVICE_HOST: ",
		"AUTHSESSION_PLUGINS=x":             "AUTHSESSION_PLUGINS: ",
		"AUTHSESSION_REPORT=1":              "AUTHSESSION_REPORT: ",
		"AUTHSESSION_SESSIONS__X__PORT=1":   "AUTHSESSION_SESSIONS__X__PORT: ",
	} {
		found := faults(t, options(t, "a.yaml", three, "AUTHSESSION_ENVIRONMENT=qa", variable))
		require.Contains(t, found[0], want)
	}
}
