/// One entry of a dictionary or one attribute of an object.
struct PickleMember {
    /// The key; integers are written in decimal.
    let key: String
    let hasTextKey: Bool
    let value: PickleValue
}

extension Pickle {
    /// The longest key that names a tensor or a container.
    static let keyLimit = 1024

    /// The entries of a dictionary, or the attributes and items of an object, in their order; nil for anything else.
    ///
    /// Of entries with the same key the last one counts, at the place of the first. Keys that are neither text nor integers
    /// are left out.
    func members(_ value: PickleValue) -> [PickleMember]? {
        var collector = MemberCollector(pickle: self)
        switch value {
        case .dictionary(let index): collector.add(dictionaries[index])
        case .object(let index):
            let object = objects[index]
            if let global = global(object.callable), PickleGlobals.dictionaries.contains(global.qualifiedName) {
                // Attributes other than the items, such as the versions that state dicts store, hold no tensors.
                for argument in tuple(object.arguments)?.prefix(2) ?? [] { collector.addContents(argument) }
                collector.add(object.items)
                return collector.members
            }
            if object.state == nil, object.items.isEmpty, let arguments = tuple(object.arguments), arguments.count == 1,
                case .dictionary(let index)? = arguments.first
            {
                collector.add(dictionaries[index])
            }
            collector.addState(object.state)
            collector.add(object.items)
        default: return nil
        }
        return collector.members
    }

    /// How many members a value may have, counted without looking at them.
    func memberBound(_ value: PickleValue) -> Int {
        switch value {
        case .dictionary(let index): return dictionaries[index].count / 2
        case .object(let index):
            let object = objects[index]
            var bound = object.items.count / 2
            for argument in tuple(object.arguments)?.prefix(2) ?? [] {
                if case .dictionary(let index) = argument { bound += dictionaries[index].count / 2 }
                bound += sequence(argument)?.count ?? 0
            }
            for state in object.state.map({ [$0] + (tuple($0)?.prefix(2) ?? []) }) ?? [] {
                if case .dictionary(let index) = state { bound += dictionaries[index].count / 2 }
            }
            return bound
        default: return 0
        }
    }
}

private struct MemberCollector {
    let pickle: Pickle
    var members: [PickleMember] = []
    private var places: [String: Int] = [:]

    init(pickle: Pickle) { self.pickle = pickle }

    /// - Parameter items: keys and values in turn.
    mutating func add(_ items: [PickleValue]) {
        for place in stride(from: 0, to: items.count - 1, by: 2) { add(items[place], items[place + 1]) }
    }

    /// The pairs of a dictionary or of a list of pairs.
    mutating func addContents(_ value: PickleValue) {
        if case .dictionary(let index) = value { return add(pickle.dictionaries[index]) }
        for pair in pickle.sequence(value) ?? [] {
            guard let parts = pickle.sequence(pair), parts.count == 2 else { continue }
            add(parts[parts.startIndex], parts[parts.startIndex + 1])
        }
    }

    /// An object's attributes: a dictionary, or one and the slots' in a tuple.
    mutating func addState(_ state: PickleValue?) {
        switch state {
        case .dictionary(let index): add(pickle.dictionaries[index])
        case .tuple(let index):
            for part in pickle.tupleItems[pickle.tuples[index]].prefix(2) {
                if case .dictionary(let index) = part { add(pickle.dictionaries[index]) }
            }
        default: break
        }
    }

    private mutating func add(_ key: PickleValue, _ value: PickleValue) {
        let name: String
        var hasTextKey = true
        switch key {
        case .integer(let number):
            name = String(number)
            hasTextKey = false
        case .byteString(let index) where pickle.regions[index].count > Pickle.keyLimit: return
        default:
            guard let text = pickle.text(key), text.utf8.count <= Pickle.keyLimit else { return }
            name = text
        }
        let member = PickleMember(key: name, hasTextKey: hasTextKey, value: value)
        // A key that equals another only to Unicode is another key: whoever needs distinct names has to see both.
        if let place = places[name], DistinctNames.areSame(members[place].key, name) {
            members[place] = member
        } else {
            if places[name] == nil { places[name] = members.count }
            members.append(member)
        }
    }
}

extension Pickle {
    /// Whether a value is a dictionary, of Python's own or of a class made from one.
    func isDictionary(_ value: PickleValue) -> Bool {
        switch value {
        case .dictionary: return true
        case .object(let index):
            let object = objects[index]
            if !object.items.isEmpty { return true }
            if let global = global(object.callable), PickleGlobals.dictionaries.contains(global.qualifiedName) { return true }
            guard object.state == nil, let arguments = tuple(object.arguments), arguments.count == 1,
                case .dictionary? = arguments.first
            else { return false }
            return true
        default: return false
        }
    }
}
