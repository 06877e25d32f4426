import Archives

extension Checkpoint {
    /// The inputs that determine a model.
    package enum Part: CaseIterable, Sendable {
        case weights, base, baseMember, baseKey, member, key, companions
    }

    /// What a part depends on; nil if there is none.
    package subscript(dependency part: Part) -> Dependency? {
        switch part {
        case .weights: .content(sources)
        case .base: base.map { .content($0.sources) }
        case .baseMember: Dependency.setting(base?.member)
        case .baseKey: Dependency.setting(base?.key)
        case .member: Dependency.setting(member)
        case .key: Dependency.setting(key)
        case .companions:
            configuration == nil && companions.isEmpty
                ? nil : .content((configuration.map { [$0] } ?? []) + companions.sorted { $0.key < $1.key }.map(\.value))
        }
    }
}
