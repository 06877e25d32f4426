import Text

/// What functions give that ask for texts, lists and dictionaries, and for the state of the library.
extension ScriptProgram {
    private static let textLimit = 1 << 16

    /// nil if the function is none of these.
    mutating func contained(_ name: String, _ given: [ScriptValue]) throws(Problem) -> ScriptValue? {
        switch (name, given.count) {
        // Gradients are wanted here, so PyTorch's own layers take their plain steps and not one operation for all of them.
        case ("is_grad_enabled", 0), ("requires_grad", 1): return .boolean(true)
        case ("is_autocast_enabled", _), ("is_nested", 1), ("is_scripting", 0): return .boolean(name == "is_scripting")
        case ("type", 1):
            guard case .other = given[0] else { return nil }
            return .text("cpu")
        case ("format", _):
            guard case .text(let text)? = given.first else { return .other }
            guard let made = Self.format(text, Array(given.dropFirst())) else { return .other }
            guard made.utf8.count <= Self.textLimit else { throw Problem("a text in its code is too long") }
            return .text(made)
        case ("len", 1):
            switch given[0] {
            case .text(let text): return .integer(text.unicodeScalars.count)
            case .dictionary(let entries): return .integer(entries.pairs.count)
            default: return given[0].items.map { .integer($0.count) }
            }
        case ("add", 2):
            guard case .text(let first) = given[0], case .text(let second) = given[1] else { return nil }
            guard first.utf8.count + second.utf8.count <= Self.textLimit else { throw Problem("a text in its code is too long") }
            return .text(first + second)
        case ("__range_length", 3):
            // The numbers from the first to below the second, in steps.
            guard let first = given[0].integer, let end = given[1].integer, let step = given[2].integer else { return nil }
            guard step != 0, [first, end, step].allSatisfy({ (-1 << 40..<1 << 40).contains($0) }) else {
                throw Problem("goes through numbers in steps that are not run", found: "\(first) to \(end) by \(step)")
            }
            return .integer(max(0, step > 0 ? (end - first + step - 1) / step : (first - end - step - 1) / -step))
        case ("__derive_index", 3):
            guard let place = given[0].integer, let first = given[1].integer, let step = given[2].integer else { return nil }
            let (offset, isTooFar) = place.multipliedReportingOverflow(by: step)
            let (number, overflows) = first.addingReportingOverflow(offset)
            guard !isTooFar, !overflows else { throw Problem("a number in its code is too large") }
            return .integer(number)
        case ("any", 1), ("all", 1):
            guard let items = given[0].items else { return nil }
            var flags: [Bool] = []
            for item in items {
                guard let number = item.integer else { return nil }
                flags.append(number != 0)
            }
            return .boolean(name == "any" ? flags.contains(true) : !flags.contains(false))
        case ("__contains__", 2):
            if case .dictionary(let entries) = given[0] { return .boolean(try entries.place(given[1]) != nil) }
            guard let items = given[0].items else { return nil }
            var isFound = false
            for item in items {
                switch (item, given[1]) {
                case (.text(let a), .text(let b)): isFound = isFound || a == b
                case (.integer(let a), .integer(let b)): isFound = isFound || a == b
                default: return nil
                }
            }
            return .boolean(isFound)
        case ("_set_item", 3):
            try checkNesting([given[2]])
            switch given[0] {
            case .dictionary(let entries): try entries.set(given[1], given[2])
            case .list(let list):
                guard let number = given[1].integer, list.values.indices.contains(number < 0 ? number &+ list.values.count : number)
                else { throw Problem("sets an item that a list does not have") }
                list.values[number < 0 ? number + list.values.count : number] = given[2]
            default: return nil
            }
            return ScriptValue.none
        case ("values", 1):
            guard case .dictionary(let entries) = given[0] else { return nil }
            return .list(.init(entries.pairs.map(\.value)))
        default: return nil
        }
    }

    /// Counts containers in others, which hostile code nests without end.
    mutating func checkNesting(_ values: [ScriptValue]) throws(Problem) {
        for value in values {
            switch value {
            case .list, .tuple, .dictionary:
                nestedContainers -= 1
                guard nestedContainers > 0 else { throw Problem("has too many lists in others in its code") }
                return
            default: break
            }
        }
    }

    /// Python's `format` with its simplest places; nil where a value has no text here.
    private static func format(_ text: String, _ values: [ScriptValue]) -> String? {
        var rest = values[...]
        var made = ""
        var parts = text.split(separator: "{}", omittingEmptySubsequences: false)[...]
        made += parts.popFirst() ?? ""
        for part in parts {
            guard let value = rest.popFirst() else { return nil }
            switch value {
            case .text(let text): made += text
            case .integer(let number): made += "\(number)"
            case .boolean(let flag): made += flag ? "True" : "False"
            case .none: made += "None"
            default: return nil
            }
            made += part
        }
        return made
    }

    /// What `with` is given to pass gradients or not; nil for other calls.
    static func context(_ path: String) -> ScriptValue? {
        switch path {
        case "__torch__.torch.autograd.grad_mode.no_grad.__new__": .gradients(false)
        case "__torch__.torch.autograd.grad_mode.enable_grad.__new__": .gradients(true)
        default: nil
        }
    }

    /// The tensors of what a forward function gives, by the keys of dictionaries and the places in tuples that lead to each.
    ///
    /// - Throws: ``Problem`` if it holds too much, as lists of lists do that hold each other several times.
    static func outputs(of result: ScriptValue) throws(Problem) -> [(name: String, tensor: String)] {
        var outputs: [(name: String, tensor: String)] = []
        var (open, left): ([(path: String, value: ScriptValue)], Int) = ([("", result)], 1 << 12)
        while let (path, value) = open.popLast() {
            left -= 1
            guard left > 0, path.utf8.count < 1 << 10 else { throw Problem("its forward function gives too much") }
            if let tensor = value.tensor {
                outputs.append((path, tensor))
                continue
            }
            let parts: [(key: String, value: ScriptValue)]
            if case .dictionary(let entries) = value {
                parts = entries.pairs
            } else {
                parts = (value.items ?? []).prefix(left + 1).enumerated().map { ("\($0)", $1) }
            }
            for (key, value) in parts.reversed() {
                let name = key.count > 1 && key.hasPrefix("'") && key.hasSuffix("'") ? String(key.dropFirst().dropLast()) : key
                open.append((path.isEmpty ? name : path + "." + name, value))
            }
        }
        return outputs
    }
}
