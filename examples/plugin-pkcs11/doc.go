// Command plugin-pkcs11 is a plugin for client certificates whose private key
// lives in a PKCS #11 token: an HSM, a smart card, or SoftHSM. The key never
// leaves the token, and the program that uses the plugin has neither the key
// nor the token's library in its memory: each TLS handshake asks the plugin
// for one signature.
//
//	provider: pkcs11
//	settings:
//	  module: /usr/lib/softhsm/libsofthsm2.so
//	  token: acme
//	  pin: ${file:/run/secrets/token-pin}
//	  key: api-client
//	  cert_file: /etc/acme/api-client.pem
//
// Read on in provider.go.
package main
