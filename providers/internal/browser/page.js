const state = new URLSearchParams(location.hash.slice(1)).get("state");
if (state) location.replace("?response_mode=fragment&state=" + encodeURIComponent(state));
