package market

import "sync"

// mostKnown is how much a memory has, at most.
const mostKnown = 1000

// memory keeps what was read of the database as long as that holds, by the version
// that the database had before (store.DB.Version). The zero memory is ready.
type memory[K comparable, V any] struct {
	mu      sync.Mutex
	version uint64
	all     map[K]V
}

// get is what was read at a version.
func (m *memory[K, V]) get(version uint64, key K) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version == version {
		v, ok = m.all[key]
	}
	return v, ok
}

// put keeps what was read at a version, unless something newer is known.
func (m *memory[K, V]) put(version uint64, key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case version < m.version:
		return
	case version > m.version || len(m.all) >= mostKnown || m.all == nil:
		m.version, m.all = version, map[K]V{}
	}
	m.all[key] = v
}
