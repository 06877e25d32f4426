/// Finds the models in what a pickle holds: the dictionaries of tensors, and the modules that were pickled whole.
///
/// Each container is searched once, whatever number of paths lead to it. Where a model's own parts are listed a shared part
/// is listed under each of its names, as often as a budget allows, so that shared and recursive values end.
struct ModelSearch {
    /// A model with its tensors still unread.
    struct Candidate {
        let key: String
        var entries: [Entry]
        /// The tensors of two or more dimensions among them.
        let matrixCount: Int
        /// The module that was kept whole; none for dictionaries.
        var module: PickleValue?
    }

    /// A value under a name of the model; a tensor or something else that the dictionary holds.
    struct Entry {
        let name: String
        let value: PickleValue
    }

    private let pickle: Pickle
    /// The dimensions that one tensor of a model must have at least.
    private let leastRank: Int
    private var visited: Set<Container> = []
    private var budget = ModelSearch.budget
    private var nameBudget = ModelSearch.nameBudget

    /// The members looked at where they may have been looked at before; models have some hundred thousand at most.
    private static let budget = 1 << 21
    /// The bytes of all tensors' names.
    private static let nameBudget = 1 << 26
    private static let depthLimit = 64

    private enum Container: Hashable {
        case list(Int)
        case tuple(Int)
        case dictionary(Int)
        case object(Int)
    }

    /// More parts, reached over more paths, than a checkpoint has.
    struct BudgetExceeded: Error {}

    private init(pickle: Pickle, leastRank: Int) {
        self.pickle = pickle
        self.leastRank = leastRank
    }

    /// The candidates of a pickle, in its order.
    ///
    /// Models have a tensor of two dimensions; if nothing does, dictionaries with any tensor are models, then a list of tensors,
    /// whose names are their places, then a tensor by itself, called `tensor`.
    static func candidates(in pickle: Pickle) throws(BudgetExceeded) -> [Candidate] {
        guard pickle.holdsTensors else { return [] }
        for leastRank in [2, 1, 0] {
            var search = ModelSearch(pickle: pickle, leastRank: leastRank)
            let found = try search.search(pickle.root, key: "", depth: 0)
            if !found.isEmpty { return found }
        }
        if let items = pickle.sequence(pickle.root) {
            let entries = items.enumerated().filter { pickle.tensorSource($0.element) != nil }.map {
                Entry(name: String($0.offset), value: $0.element)
            }
            if !entries.isEmpty { return [Candidate(key: "", entries: entries, matrixCount: 0)] }
        }
        if pickle.tensorSource(pickle.root) != nil {
            return [Candidate(key: "", entries: [Entry(name: "tensor", value: pickle.root)], matrixCount: 1)]
        }
        return []
    }

    private mutating func spend(_ count: Int) throws(BudgetExceeded) {
        budget -= count + 1
        guard budget > 0 else { throw BudgetExceeded() }
    }

    /// Whether a value is a container that was not looked at before.
    private mutating func visit(_ value: PickleValue) -> Bool {
        switch value {
        case .list(let index): visited.insert(.list(index)).inserted
        case .tuple(let index): visited.insert(.tuple(index)).inserted
        case .dictionary(let index): visited.insert(.dictionary(index)).inserted
        case .object(let index): visited.insert(.object(index)).inserted
        default: false
        }
    }

    /// Whether a value has parts.
    private func isContainer(_ value: PickleValue) -> Bool {
        switch value {
        case .list(let index): !pickle.lists[index].isEmpty
        case .tuple(let index): !pickle.tuples[index].isEmpty
        case .dictionary(let index): !pickle.dictionaries[index].isEmpty
        case .object: true
        default: false
        }
    }

    private func isTensor(_ value: PickleValue) -> Bool { pickle.tensorSource(value) != nil }

    private func rank(_ value: PickleValue) -> Int { pickle.tensorSource(value)?.rank(in: pickle) ?? 0 }

    private mutating func search(_ value: PickleValue, key: String, depth: Int) throws(BudgetExceeded) -> [Candidate] {
        guard depth < Self.depthLimit, visit(value), !isTensor(value) else { return [] }
        if case .list = value { return try searchItems(value, key: key, depth: depth) }
        if case .tuple = value { return try searchItems(value, key: key, depth: depth) }
        // An object's members may be shared with other objects; a dictionary's are its own.
        if case .object = value { try spend(pickle.memberBound(value)) }
        guard let members = pickle.members(value), !members.isEmpty else {
            return pickle.sequence(value) == nil ? [] : try searchItems(value, key: key, depth: depth)
        }
        if isModule(value, members) {
            var entries: [Entry] = []
            try flattenModule(members, prefix: "", into: &entries, depth: 0)
            guard var found = candidate(key, entries) else { return [] }
            found.module = value
            return [found]
        }
        if TrainingKeys.isOptimizer(members) { return [] }
        return try searchDictionary(members, key: key, depth: depth)
    }

    private mutating func searchItems(_ value: PickleValue, key: String, depth: Int) throws(BudgetExceeded) -> [Candidate] {
        let items = pickle.sequence(value) ?? []
        if case .object = value { try spend(items.count) }
        var found: [Candidate] = []
        for (place, item) in items.enumerated() where isContainer(item) {
            found += try search(item, key: joined(key, String(place)), depth: depth + 1)
        }
        return found
    }

    private mutating func searchDictionary(
        _ members: [PickleMember], key: String, depth: Int
    ) throws(BudgetExceeded) -> [Candidate] {
        let own = members.filter { $0.hasTextKey && isTensor($0.value) && rank($0.value) >= leastRank }
        let isOptimizer = own.allSatisfy { TrainingKeys.isOptimizerValue(key: $0.key) }
        if own.isEmpty {
            var entries: [Entry] = []
            if try flattenTree(members, prefix: "", into: &entries, depth: 0), let found = candidate(key, entries) {
                return [found]
            }
        }
        var nested: [Candidate] = []
        var largestModel = 0
        for member in members where isContainer(member.value) && !TrainingKeys.isExcluded(key: member.key) {
            let found = try search(member.value, key: joined(key, member.key), depth: depth + 1)
            if TrainingKeys.namesModel(key: member.key) {
                largestModel = max(largestModel, found.map(\.matrixCount).max() ?? 0)
            }
            nested += found
        }
        if own.isEmpty || isOptimizer { return nested }
        let ownMatrices = own.count { rank($0.value) >= 2 }
        if largestModel > 0, largestModel >= ownMatrices { return nested }
        var entries: [Entry] = []
        for member in members where member.hasTextKey {
            if isTensor(member.value) {
                try add(member.value, member.key, to: &entries)
            } else if let parts = try subtree(member) {
                entries += parts
            } else {
                try add(member.value, member.key, to: &entries)
            }
        }
        return candidate(key, entries).map { [$0] } ?? []
    }

    /// The parameters below one member of a model that also holds tensors directly.
    private mutating func subtree(_ member: PickleMember) throws(BudgetExceeded) -> [Entry]? {
        guard !TrainingKeys.isExcluded(key: member.key), !TrainingKeys.namesModel(key: member.key) else { return nil }
        try spend(pickle.memberBound(member.value))
        guard let members = pickle.members(member.value) else { return nil }
        var entries: [Entry] = []
        guard try flattenTree(members, prefix: member.key + ".", into: &entries, depth: 0) else { return nil }
        return entries
    }

    private func joined(_ path: String, _ key: String) -> String {
        // Nobody names a place by a path of this length; what matters is that it stops growing.
        guard path.utf8.count <= 4 * Pickle.keyLimit else { return path }
        return path.isEmpty ? key : path + "." + key
    }

    private func candidate(_ key: String, _ entries: [Entry]) -> Candidate? {
        let ranks = entries.compactMap { pickle.tensorSource($0.value)?.rank(in: pickle) }
        guard ranks.contains(where: { $0 >= leastRank }) else { return nil }
        return Candidate(key: key, entries: entries, matrixCount: ranks.count { $0 >= 2 })
    }

    private mutating func add(_ value: PickleValue, _ name: String, to entries: inout [Entry]) throws(BudgetExceeded) {
        nameBudget -= name.utf8.count + 16
        guard nameBudget > 0 else { throw BudgetExceeded() }
        entries.append(Entry(name: name, value: value))
    }
}

// MARK: - Trees of parameters

extension ModelSearch {
    /// Appends the leaves of a dictionary of dictionaries that is one tree of parameters, {"fc1": {"weight", "bias"}, ...}.
    ///
    /// - Returns: whether it is one: its leaves are tensors under names that layers give them.
    private mutating func flattenTree(
        _ members: [PickleMember], prefix: String, into entries: inout [Entry], depth: Int
    ) throws(BudgetExceeded) -> Bool {
        guard depth < Self.depthLimit, prefix.utf8.count <= 4 * Pickle.keyLimit, !members.isEmpty else { return false }
        var leaves = 0
        var branches = 0
        for member in members {
            if !isContainer(member.value) || TrainingKeys.isExcluded(key: member.key) { continue }
            if isTensor(member.value) {
                leaves += 1
                guard member.hasTextKey, leaves <= 16, TrainingKeys.isParameter(key: member.key), !member.key.contains(".") else {
                    return false
                }
                try add(member.value, prefix + member.key, to: &entries)
                continue
            }
            guard pickle.isDictionary(member.value) else { continue }
            if depth == 0, TrainingKeys.namesModel(key: member.key) { return false }
            try spend(pickle.memberBound(member.value))
            guard let inner = pickle.members(member.value), !inner.isEmpty else { continue }
            branches += 1
            guard try flattenTree(inner, prefix: prefix + member.key + ".", into: &entries, depth: depth + 1) else { return false }
        }
        return leaves + branches > 0
    }
}

// MARK: - Modules

extension ModelSearch {
    /// Whether an object is a module of PyTorch, or one of a TorchScript archive.
    private func isModule(_ value: PickleValue, _ members: [PickleMember]) -> Bool {
        guard let object = pickle.object(value) else { return false }
        if let global = pickle.global(object.callable), global.module.split(separator: ".").first == "__torch__" { return true }
        return members.contains { $0.key == "_parameters" } && members.contains { $0.key == "_modules" }
    }

    /// Appends a module's tensors under the names that its state_dict would give them.
    private mutating func flattenModule(
        _ members: [PickleMember], prefix: String, into entries: inout [Entry], depth: Int
    ) throws(BudgetExceeded) {
        guard depth < Self.depthLimit, prefix.utf8.count <= 4 * Pickle.keyLimit else { return }
        guard members.contains(where: { $0.key == "_parameters" }) else {
            // In TorchScript archives parameters and submodules are attributes.
            for member in members where member.hasTextKey {
                if isTensor(member.value) {
                    try add(member.value, prefix + member.key, to: &entries)
                } else if case .object = member.value {
                    try flattenModule(try inner(member.value), prefix: prefix + member.key + ".", into: &entries, depth: depth + 1)
                }
            }
            return
        }
        func part(_ name: String) -> PickleValue { members.first { $0.key == name }?.value ?? .none }
        let unsaved = pickle.sequence(part("_non_persistent_buffers_set")) ?? []
        try spend(unsaved.count)
        let unsavedNames = Set(unsaved.compactMap { pickle.text($0) })
        for member in try inner(part("_parameters")) { try addTensor(member, prefix, to: &entries) }
        for member in try inner(part("_buffers")) where !unsavedNames.contains(member.key) {
            try addTensor(member, prefix, to: &entries)
        }
        for member in try inner(part("_modules")) {
            try flattenModule(try inner(member.value), prefix: prefix + member.key + ".", into: &entries, depth: depth + 1)
        }
    }

    private mutating func addTensor(
        _ member: PickleMember, _ prefix: String, to entries: inout [Entry]
    ) throws(BudgetExceeded) {
        if case .none = member.value { return }
        try add(member.value, prefix + member.key, to: &entries)
    }

    private mutating func inner(_ value: PickleValue) throws(BudgetExceeded) -> [PickleMember] {
        try spend(pickle.memberBound(value))
        return pickle.members(value) ?? []
    }
}
