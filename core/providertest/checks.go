package providertest

// check is one promise of a provider and the function that tests it.
type check struct {
	name    string
	promise string
	vital   bool // if it fails, the checks after it are skipped
	remote  bool // needs Fixture.Good
	run     func(*run)
}

// checks is the list, in the order of the run. Names are stable: fixtures and
// reports refer to them.
var checks = []check{
	{
		name: "factory/info", run: factoryInfo,
		promise: "Info names the kind in lower case and says in one line what it is",
	},
	{name: "factory/documented", promise: "every setting has a doc", run: settingsDocumented},
	{name: "settings/good", promise: "good settings are accepted", vital: true, run: settingsGood},
	{
		name: "settings/unknown-key", run: settingsUnknown,
		promise: "a key that no setting has is CodeBadConfig; the error names it and the nearest one, " +
			"and no value",
	},
	{
		name: "settings/wrong-type", run: settingsWrongType,
		promise: "a value of the wrong type is CodeBadConfig; the error names the setting and no value",
	},
	{
		name: "settings/missing", run: settingsMissing,
		promise: "each required setting that is missing is CodeBadConfig and named, all of them at " +
			"once",
	},
	{
		name: "settings/enum", run: settingsEnum,
		promise: "a value that is not one of the setting's own is CodeBadConfig; the error names the " +
			"setting and no value",
	},
	{
		name: "settings/environment", run: settingsEnvironment,
		promise: "an environment that the factory does not know is CodeBadConfig, the names of the " +
			"known ones are given, and none is chosen silently",
	},
	{
		name: "settings/secret", run: settingsSecret,
		promise: "a setting that holds a secret has the type core.Secret",
	},
	{
		name: "settings/plain-data", run: settingsPlain,
		promise: "settings may have gone through JSON, and any text may be a core.Secret",
	},
	{
		name: "settings/unchanged", run: settingsUnchanged,
		promise: "the settings that a factory is given are not written to",
	},
	{name: "open/sends-nothing", promise: "Check and Open send nothing", run: openQuiet},

	{
		name: "credential/obtained", vital: true, run: func(r *run) { r.obtain() },
		promise: "with a good server, Authenticate returns a credential",
	},
	{
		name: "credential/attachment", run: credentialAttachment,
		promise: "the credential attaches something, and only what may be sent",
	},
	{
		name: "credential/expiry", run: credentialExpiry,
		promise: "Expiry and RenewAfter are zero or in the future, and not absurdly far",
	},
	{
		name: "credential/origins", run: credentialOrigins,
		promise: "each of Origins is a scheme, a host and perhaps a port",
	},
	{
		name: "credential/plain-data", run: credentialPlain,
		promise: "a credential is the same after it was copied as plain data, as for another process",
	},
	{
		name: "credential/body", run: bodyNeeds,
		promise: "what the credential asks of requests' bodies a session can give: hashes that " +
			"every program has, and 1 MiB at most",
	},
	{
		name: "previous/expiring", run: previous(expiring, ""),
		promise: "a credential that expires is followed by another, and is not written to",
	},
	{
		name: "previous/rejected",
		run:  previous(rejected, "", `Bearer error="invalid_token"`, hostileChallenge),
		promise: "a credential that was refused is followed by another, whatever the challenge " +
			"says",
	},
	{
		name: "previous/absent", run: previousAbsent,
		promise: "a Request without Previous, or with a strange one, is served like the first",
	},
	{
		name: "previous/elsewhere", run: previousElsewhere,
		promise: "a provider keeps no credential: a newly opened one renews what another has " +
			"obtained",
	},
	{
		name: "previous/stored", run: previousStored,
		promise: "a credential that was kept in a core.Store is taken up by another process and " +
			"renewed there, its RefreshState as it was",
	},
	{
		name: "inputs/strange", run: strangeInputs,
		promise: "Inputs are not written to; an unknown role is ignored, and one that is missing or " +
			"makes no sense causes no panic and no secret in an error",
	},

	{
		name: "inputs/refused", remote: true, run: refusedInputs,
		promise: "an error names an input as refused only if the request had it",
	},

	{
		name: "context/before", run: contextBefore,
		promise: "a context that has ended sends nothing, and the error wraps its cause",
	},
	{
		name: "context/cancel", remote: true, run: contextCancel,
		promise: "a call is back soon after its context was cancelled, CodeUnavailable, wrapping " +
			"context.Canceled",
	},
	{
		name: "context/deadline", remote: true, run: contextDeadline,
		promise: "a call is back soon after its deadline, CodeUnavailable, wrapping " +
			"context.DeadlineExceeded",
	},

	{
		name: "server/refuses", remote: true, run: serverRefuses,
		promise: "a server that refuses the credentials is CodeDenied",
	},
	{
		name: "server/echoes", remote: true, run: serverEchoes,
		promise: "a server that repeats the secret does not bring it into an error",
	},
	{
		name: "server/unreachable", remote: true, run: serverUnreachable,
		promise: "a server that cannot be reached is CodeUnavailable",
	},
	{
		name: "server/errors", remote: true, run: serverErrors,
		promise: "a status of 500 and above is CodeUnavailable",
	},
	{
		name: "server/retry-after", remote: true, run: retryAfter,
		promise: "429 and 503 are CodeUnavailable, and their Retry-After, if it makes sense, is in the " +
			"error",
	},
	{
		name: "server/garbage", remote: true, run: serverGarbage,
		promise: "an answer that makes no sense is CodeUnavailable or CodeBadConfig and never a " +
			"credential",
	},
	{
		name: "server/control-characters", remote: true, run: controlCharacters,
		promise: "a control character in an answer never reaches a credential",
	},
	{
		name: "server/odd-types", remote: true, run: oddTypes,
		promise: "an answer whose strings are of other types gives an error or a sound credential",
	},
	{name: "server/endless", remote: true, promise: "an answer is read up to a bound", run: endless},
	{
		name: "server/reset", remote: true, run: serverResets,
		promise: "a connection that breaks is CodeUnavailable",
	},
	{
		name: "server/once", remote: true, run: askedOnce,
		promise: "a request that failed is not repeated, and only once where Request.MayRetry " +
			"allows it",
	},
	{
		name: "server/redirects", remote: true, run: redirects,
		promise: "a redirect is not followed to another host: nothing is sent there",
	},
	{
		name: "server/untrusted", remote: true, run: untrusted,
		promise: "a server whose certificate is not trusted receives nothing",
	},
	{
		name: "server/recovers", remote: true, run: serverRecovers,
		promise: "a provider that met a bad server works again when the server does",
	},

	{name: "concurrency/callers", promise: "a provider is safe for concurrent use", run: concurrent},
	{
		name: "concurrency/neighbours", remote: true, run: callersIndependent,
		promise: "a caller who leaves does not fail the others",
	},

	{
		name: "ability/revoke", run: revoke,
		promise: "Revoke works or says errors.ErrUnsupported, and ends with its context",
	},
	{
		name: "ability/authorize", run: authorize,
		promise: "Authorize works or says errors.ErrUnsupported, and writes to nothing that it is " +
			"given",
	},
	{
		name: "ability/sign", run: sign,
		promise: "SignDigest makes signatures that fit the certificate, or says errors.ErrUnsupported",
	},
	{
		name: "ability/concurrent", run: authorizeConcurrently,
		promise: "Authorize is safe for concurrent use",
	},
	{
		name: "ability/remembered-headers", run: rememberedValues,
		promise: "Authorize uses or refuses remembered headers, does not write to them, and copies a " +
			"hostile value neither into an attachment nor into an error",
	},
	{
		name: "ability/body", run: authorizeBodies,
		promise: "Authorize takes what its credential asks of a body, survives what a session " +
			"cannot give, and writes to none of it",
	},
	{
		name: "ability/rounds", run: authorizeRounds,
		promise: "Authorize attaches something in the third round at the latest, and before that " +
			"names the headers to remember",
	},

	{
		name: "person/nobody", run: signInWithoutUI,
		promise: "SignIn without a UI that can do anything is back at once, with CodeInteractive " +
			"unless it can do without",
	},
	{
		name: "person/absent", run: signInUnanswered,
		promise: "SignIn manages with any part of a UI, ends with its context, and leaves no " +
			"goroutine and no listener",
	},
	{
		name: "person/refuses", run: signInRefused,
		promise: "a person who does not want to is CodeDenied",
	},
	{
		name: "person/signs-in", run: signInWilling,
		promise: "a person who is willing gets a sound credential, which Authenticate goes on with " +
			"or reports CodeInteractive",
	},
	{
		name: "person/shown", run: checkShown,
		promise: "what a person is shown has no secret and no control character, and what is " +
			"opened is a web page",
	},

	{
		name: "session/life", run: sessionLife,
		promise: "a session initialises, sends its credential, renews it after a 401, closes, and " +
			"starts again",
	},
	{
		name: "session/refused", remote: true, run: sessionRefused,
		promise: "a session whose Init is refused sends nothing and says what the provider said",
	},
	{
		name: "close/goroutines", run: closeGoroutines,
		promise: "no goroutine is left after Session.Close",
	},
	{
		name: "close/connections", remote: true, run: closeConnections,
		promise: "no connection is left after Session.Close",
	},

	{
		name: "secrets/values", run: secretsInValues,
		promise: "provider, factory and credential show no secret, however they are printed",
	},
	{
		name: "secrets/errors", run: secretsInErrors,
		promise: "no error shows a secret, however it is printed, nor does what it wraps",
	},
	{name: "secrets/log", promise: "the process's log shows no secret", run: secretsInLog},
	{
		name: "errors/text", run: errorText,
		promise: "an error is a short line without control characters and without the body of an " +
			"answer",
	},
}
