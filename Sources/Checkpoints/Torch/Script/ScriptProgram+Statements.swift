import Text

/// The statements of a script's code, one after the other.
extension ScriptProgram {
    mutating func call(
        _ function: ScriptFunction, _ given: [ScriptValue], named: [(name: String, value: ScriptValue)] = []
    ) throws(Problem) -> ScriptValue {
        var frame: [String: ScriptValue] = [:]
        for (place, parameter) in function.parameters.enumerated() {
            if place < given.count {
                frame[parameter.name] = given[place]
            } else if let value = named.first(where: { $0.name == parameter.name })?.value {
                frame[parameter.name] = value
            } else if let standard = parameter.standard {
                var outer: [String: ScriptValue] = [:]
                frame[parameter.name] = try value(standard, &outer)
            } else {
                throw Problem("is called without '\(parameter.name)'", subject: "function '\(function.name)'")
            }
        }
        callers.append(function.place)
        defer { callers.removeLast() }
        return try run(function.body, &frame) ?? .none
    }

    mutating func enter() throws(Problem) {
        budget -= 1
        guard budget > 0 else { throw Problem("its code is too long to be followed") }
        guard depth < Self.depthLimit else { throw Problem("its calls nest too deep", expected: "at most \(Self.depthLimit) levels") }
        depth += 1
    }

    /// - Returns: what a `return` gives; nil if there was none.
    mutating func run(_ lines: [ScriptLine], _ frame: inout [String: ScriptValue]) throws(Problem) -> ScriptValue? {
        try enter()
        defer { depth -= 1 }
        for line in lines {
            let made = nodes.count
            do throws(Problem) {
                if let answer = try run(line.statement, &frame) { return answer }
            } catch {
                guard !isPlaced else { throw error }
                isPlaced = true
                throw error.within(place(line.number))
            }
            for output in nodes[made...].flatMap(\.outputs) where places[output] == nil { places[output] = place(line.number) }
        }
        return nil
    }

    private func place(_ line: Int) -> String { "line \(line), \(callers.last ?? "")" }

    /// - Returns: what a `return` gives; nil if there was none.
    mutating func run(_ statement: ScriptStatement, _ frame: inout [String: ScriptValue]) throws(Problem) -> ScriptValue? {
        switch statement {
        case .answer(let expression): return try value(expression, &frame)
        case .expression(let expression): _ = try value(expression, &frame)
        case .assign(let targets, let expression, let isUnpacked):
            let found = try value(expression, &frame)
            guard isUnpacked else {
                frame[targets[0]] = found
                break
            }
            guard let items = found.items, items.count == targets.count else {
                throw Problem(
                    "unpacks what is no list of that length", expected: "\(targets.count)",
                    found: found.items.map { "\($0.count)" } ?? found.kind)
            }
            for (target, item) in zip(targets, items) { frame[target] = item }
        case .condition(let condition, let first, let second):
            let found = try value(condition, &frame)
            // A length that is refused is one of many: the code runs for the others.
            if case .undecided(let isEqual) = found, (isEqual ? first : second).contains(where: \.isRefusal) {
                return try run(isEqual ? second : first, &frame)
            }
            guard case .boolean(let flag) = found else {
                throw Problem("branches on what its data decide, which is not run", expected: "a constant behind 'if'", found: found.kind)
            }
            return try run(flag ? first : second, &frame)
        case .loop(let name, let values, let lines):
            guard let items = try repeated(values, &frame) else {
                throw Problem("a loop in its code is not run", expected: "one over a fixed list or number", found: "'for'")
            }
            for item in items {
                frame[name] = item
                if let answer = try run(lines, &frame) { return answer }
            }
        case .context(let context, let lines):
            guard case .gradients(let pass) = try value(context, &frame) else {
                throw Problem("a block behind 'with' is not run", expected: "torch.no_grad() or torch.enable_grad()")
            }
            if pass { return try run(lines, &frame) }
            let before = nodes.count
            let outer = firstWithoutGradients
            firstWithoutGradients = outer ?? before
            let answer = try run(lines, &frame)
            firstWithoutGradients = outer
            let made = Set(nodes[before...].flatMap(\.outputs))
            for name in frame.keys.sorted() { frame[name] = try detached(frame[name] ?? .none, made) }
            return try answer.map { (value) throws(Problem) in try detached(value, made) }
        case .other(let kind, _):
            throw Problem(kind == "while" ? "a loop in its code is not run" : "a statement in its code is not run", found: "'\(kind)'")
        }
        return nil
    }

    /// What a loop goes through: the items of a list, or the numbers below another; nil if the data decide it.
    private mutating func repeated(_ values: ScriptExpression, _ frame: inout [String: ScriptValue]) throws(Problem) -> [ScriptValue]? {
        guard case .call(.name("range"), let bounds, _) = values else { return try value(values, &frame).items }
        var numbers: [Int] = []
        for bound in bounds {
            guard let number = try value(bound, &frame).integer else { return nil }
            numbers.append(number)
        }
        guard (1...2).contains(numbers.count) else { return nil }
        let first = numbers.count == 2 ? numbers[0] : 0
        let end = numbers[numbers.count - 1]
        let (count, overflow) = end.subtractingReportingOverflow(first)
        guard !overflow, count <= 1 << 12 else { throw Problem("a loop in its code is too long", expected: "at most \(1 << 12) rounds") }
        return first < end ? (first..<end).map { .integer($0) } : []
    }

    /// The same value without gradients where it is one of the tensors that were `made`.
    mutating func detached(_ value: ScriptValue, _ made: Set<String>) throws(Problem) -> ScriptValue {
        // A list of hostile code may hold itself.
        try enter()
        defer { depth -= 1 }
        switch value {
        case .tensor(let name):
            guard made.contains(name) else { return value }
            return try emit("detach", [("self", value)])
        case .list(let items):
            for place in items.values.indices { items.values[place] = try detached(items.values[place], made) }
            return value
        case .tuple(let items):
            var parts: [ScriptValue] = []
            for item in items { parts.append(try detached(item, made)) }
            return .tuple(parts)
        case .dictionary(let entries):
            for place in entries.pairs.indices { entries.pairs[place].value = try detached(entries.pairs[place].value, made) }
            return value
        default: return value
        }
    }
}

extension ScriptLine {
    /// Whether it ends a run with an error.
    fileprivate var isRefusal: Bool {
        guard case .expression(.call(.attribute(_, "RaiseException"), _, _)) = statement else { return false }
        return true
    }
}
