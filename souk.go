// Package souk holds the nouns of an app marketplace and the pure rules about
// them. Nothing in it reads a clock, a database or a wire.
//
// The story that everything else serves:
//
//   - A vendor's App may be seen by an Org: it owns it, it was shared with it,
//     a partner offers it, or it is public.
//   - A User of the org asks for it: a Request. All that is asked about one app
//     under one root org is one Case.
//   - An admin answers: a Resolution, approved with a ceiling of scopes or
//     restricted, for everyone, for a group or for one user. Approving settles
//     the requests it answers and installs nothing.
//   - Somebody with the right installs: an Installation with a snapshot of the
//     scopes, a bot user, a Grant of the installer's and Tokens.
//   - Every step is an Event. Webhooks that subscribed get one Delivery each,
//     made of Attempts, and everything is in the audit log.
//
// What an org's answer about an app is at any moment is one function,
// Effective. What may be refused is one closed list, Refusals.
//
// Around this package: store is all the SQL, market has one method per verb
// and one transaction per method, courier carries deliveries, and each wire
// (slack, native, …) is a package that translates to and from the verbs.
// docs/architecture.md walks through it.
package souk
