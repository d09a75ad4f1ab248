// Package servers starts real servers for the acceptance tests: an OpenID provider in process
// ([StartZitadel]), three under Node.js ([StartOIDCProvider], [StartNodeOAuth2],
// [StartMockServer]), an nginx ([StartNginx]), an HAProxy that checks tokens by itself
// ([StartHAProxy]), servers that do not speak HTTP ([StartRedis], [StartMosquitto],
// [StartPostgres], [StartNATS]), and a small API that asks such a server whom a request speaks
// for ([StartAPI]).
//
// All listen on free ports of the loopback, with certificates of the test's own
// [CA], and end with the test that started them. A server that is not installed
// fails the test: `make servers` installs them.
package servers
