package providertest

// check is one promise and how to see whether it is kept.
type check struct {
	name    string
	promise string
	vital   bool // without it the rest makes no sense
	remote  bool // needs Fixture.Good
	run     func(*run)
}

// checks is the list, in the order of the run. Names are stable: fixtures and
// reports refer to them.
var checks = []check{
	{name: "factory/info", promise: "Info names the kind in lower case and says in one line what it is", run: factoryInfo},
	{name: "factory/documented", promise: "every setting has a doc", run: settingsDocumented},
	{name: "settings/good", promise: "good settings are accepted", vital: true, run: settingsGood},
	{name: "settings/unknown-key", promise: "a key that no setting has is BadConfig; the error names it and the nearest one, and no value", run: settingsUnknown},
	{name: "settings/wrong-type", promise: "a value of the wrong type is BadConfig; the error names the setting and no value", run: settingsWrongType},
	{name: "settings/missing", promise: "each required setting that is missing is BadConfig and named, all of them at once", run: settingsMissing},
	{name: "settings/enum", promise: "a value that is not one of the setting's own is BadConfig; the error names the setting and no value", run: settingsEnum},
	{name: "settings/environment", promise: "an environment that the factory does not know is BadConfig, the names of the known ones are given, and none is chosen silently", run: settingsEnvironment},
	{name: "settings/secret", promise: "a setting that holds a secret has the type core.Secret", run: settingsSecret},
	{name: "settings/plain-data", promise: "settings may have gone through JSON, and any text may be a core.Secret", run: settingsPlain},
	{name: "settings/unchanged", promise: "the settings that a factory is given are not written to", run: settingsUnchanged},
	{name: "open/sends-nothing", promise: "Check and Open send nothing", run: openQuiet},

	{name: "credential/obtained", promise: "with a good server, Authenticate returns a credential", vital: true, run: func(r *run) { r.good() }},
	{name: "credential/attachment", promise: "the credential attaches something, and only what may be sent", run: credentialAttachment},
	{name: "credential/expiry", promise: "Expiry and RenewAfter are zero or in the future, and not absurdly far", run: credentialExpiry},
	{name: "credential/origins", promise: "each of Origins is a scheme, a host and perhaps a port", run: credentialOrigins},
	{name: "credential/plain-data", promise: "a credential is the same after it was copied as plain data, as it is on the way to another process", run: credentialPlain},
	{name: "credential/body", promise: "what the credential asks of requests' bodies a session can give: hashes that every program has, and 1 MiB at most", run: bodyNeeds},
	{name: "previous/expiring", promise: "a credential that expires is followed by another, and is not written to", run: previous(expiring, "")},
	{name: "previous/rejected", promise: "a credential that was refused is followed by another, whatever the challenge says", run: previous(rejected, "", `Bearer error="invalid_token"`, hostileChallenge)},
	{name: "previous/absent", promise: "a Request without Previous, or with a strange one, is served like the first", run: previousAbsent},
	{name: "previous/elsewhere", promise: "a provider keeps no credential: a newly opened one renews what another has obtained", run: previousElsewhere},
	{name: "previous/stored", promise: "a credential that was kept in a core.Store is taken up by another process and renewed there, its Renewal as it was", run: previousStored},
	{name: "inputs/strange", promise: "Inputs are not written to; a role that is not known is ignored, and one that is missing or makes no sense is no panic and never a secret in an error", run: strangeInputs},

	{name: "inputs/refused", remote: true, promise: "an error names an input as refused only if the request had it", run: refusedInputs},

	{name: "context/before", promise: "a context that has ended sends nothing, and the error wraps its cause", run: contextBefore},
	{name: "context/cancel", remote: true, promise: "a call is back soon after its context was cancelled, Unavailable, wrapping context.Canceled", run: contextCancel},
	{name: "context/deadline", remote: true, promise: "a call is back soon after its deadline, Unavailable, wrapping context.DeadlineExceeded", run: contextDeadline},

	{name: "server/refuses", remote: true, promise: "a server that refuses the credentials is Denied", run: refused},
	{name: "server/echoes", remote: true, promise: "a server that repeats the secret does not bring it into an error", run: refusedEcho},
	{name: "server/unreachable", remote: true, promise: "a server that cannot be reached is Unavailable", run: unreachable},
	{name: "server/errors", remote: true, promise: "a status of 500 and above is Unavailable", run: serverErrors},
	{name: "server/retry-after", remote: true, promise: "429 and 503 are Unavailable, and their Retry-After, if it makes sense, is in the error", run: retryAfter},
	{name: "server/garbage", remote: true, promise: "an answer that makes no sense is Unavailable or BadConfig and never a credential", run: garbage},
	{name: "server/control-characters", remote: true, promise: "a control character in an answer never reaches a credential", run: controlCharacters},
	{name: "server/odd-types", remote: true, promise: "an answer whose strings are of other types gives an error or a sound credential", run: oddTypes},
	{name: "server/endless", remote: true, promise: "an answer is read up to a bound", run: endless},
	{name: "server/reset", remote: true, promise: "a connection that breaks is Unavailable", run: reset},
	{name: "server/once", remote: true, promise: "a request that failed is not repeated, and only once where Request.MayRetry allows it", run: askedOnce},
	{name: "server/redirects", remote: true, promise: "a redirect is not followed to another host: nothing is sent there", run: redirects},
	{name: "server/untrusted", remote: true, promise: "a server whose certificate is not trusted receives nothing", run: untrusted},
	{name: "server/recovers", remote: true, promise: "a provider that met a bad server works again when the server does", run: recovers},

	{name: "concurrency/callers", promise: "a provider is safe for concurrent use", run: concurrent},
	{name: "concurrency/neighbours", remote: true, promise: "a caller who leaves does not fail the others", run: neighbours},

	{name: "ability/revoke", promise: "Revoke works or says errors.ErrUnsupported, and ends with its context", run: revoke},
	{name: "ability/authorize", promise: "Authorize works or says errors.ErrUnsupported, and writes to nothing that it is given", run: authorize},
	{name: "ability/sign", promise: "Sign makes signatures that fit the certificate, or says errors.ErrUnsupported", run: sign},
	{name: "ability/concurrent", promise: "Authorize is safe for concurrent use", run: authorizeConcurrently},
	{name: "ability/learn", promise: "what Authorize learned it uses or refuses, writes nothing to it, and brings a hostile value neither into an attachment nor into an error", run: learned},
	{name: "ability/body", promise: "Authorize takes what its credential asks of a body, survives what a session cannot give, and writes to none of it", run: bodies},
	{name: "ability/rounds", promise: "Authorize attaches something in the third round at the latest, and before that says what it wants to learn", run: rounds},

	{name: "person/nobody", promise: "SignIn without a UI that can do anything is back at once, with Interactive unless it can do without", run: nobody},
	{name: "person/absent", promise: "SignIn manages with any part of a UI, ends with its context, and leaves no goroutine and no listener", run: absentPerson},
	{name: "person/refuses", promise: "a person who does not want to is Denied", run: refusing},
	{name: "person/signs-in", promise: "a person who is willing gets a sound credential, which Authenticate goes on with or reports Interactive", run: willing},
	{name: "person/shown", promise: "what a person is shown has no secret and no control character, and what is opened is a web page", run: shownTexts},

	{name: "session/life", promise: "a session initialises, sends its credential, renews it after a 401, closes, and starts again", run: sessionLife},
	{name: "session/refused", remote: true, promise: "a session whose Init is refused sends nothing and says what the provider said", run: sessionRefused},
	{name: "close/goroutines", promise: "no goroutine is left after Session.Close", run: closeGoroutines},
	{name: "close/connections", remote: true, promise: "no connection is left after Session.Close", run: closeConnections},

	{name: "secrets/values", promise: "provider, factory and credential show no secret, however they are printed", run: secretsInValues},
	{name: "secrets/errors", promise: "no error shows a secret, however it is printed, nor does what it wraps", run: secretsInErrors},
	{name: "secrets/log", promise: "the process's log shows no secret", run: secretsInLog},
	{name: "errors/text", promise: "an error is a short line without control characters and without the body of an answer", run: errorText},
}
