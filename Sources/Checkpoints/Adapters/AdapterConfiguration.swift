import Archives
import Text

/// The settings of an adapter in `adapter_config.json`, as PEFT writes it.
package struct AdapterConfiguration: Sendable {
    /// A setting for the modules whose names match.
    struct Pattern: Sendable {
        let expression: RegularExpression
        let value: Double
    }

    /// PEFT's name of the method, such as `LORA`.
    package let type: String
    /// The rank of changes to which no pattern gives another; nil for methods that have none.
    package let rank: Int?
    package let alpha: Double?
    /// The model that the adapter was trained on, as the adapter names it: a repository or a path.
    package let baseModel: String?
    /// The endings or the expression that selected the modules.
    package let targetModules: [String]
    /// Parameters that are changed instead of modules, by the ends of their names.
    package let targetParameters: [String]
    /// The modules that are stored in full.
    package let savedModules: [String]
    /// Whether the scale is alpha divided by the square root of the rank, not by the rank.
    package let isRankStabilized: Bool
    /// Whether the rows of the changed weights are scaled to stored lengths.
    package let isDirectional: Bool
    /// Whether the layers that are changed store their weights [in, out].
    let isFanInFirst: Bool
    /// A change to the model that is not stored as weights, so that the adapter cannot be merged; nil if it can.
    package let obstacle: Problem?

    private let rankPatterns: [Pattern]
    private let alphaPatterns: [Pattern]

    static let fileName = "adapter_config.json"
    private static let maximumLength = 1 << 22
    /// The largest rank that is read; a matrix of a change is never larger than the weight that it changes.
    private static let maximumRank = 1 << 24

    /// - Throws: ``Problem`` if the bytes are not the settings of an adapter.
    init(_ bytes: ByteRegion, path: String) throws(Problem) {
        do {
            try self.init(Self.settings(bytes))
        } catch {
            throw error.within(Self.fileName).at(path: path)
        }
    }

    private static func settings(_ bytes: ByteRegion) throws(Problem) -> JSONSection {
        guard bytes.count <= maximumLength else {
            throw Problem("is too large", expected: "at most \(maximumLength) bytes", found: "\(bytes.count)")
        }
        do {
            return try bytes.withUnsafeBytes { raw in
                var cursor = JSONCursor(raw.bindMemory(to: UInt8.self))
                let value = try cursor.value()
                try cursor.readEnd()
                return JSONSection(value: value, place: "adapter")
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem("is not JSON")
        }
    }

    private init(_ settings: JSONSection) throws(Problem) {
        guard let type = settings["peft_type"].value.text, !type.isEmpty else {
            throw Problem("has no 'peft_type'", expected: "the method's name, such as LORA")
        }
        self.type = type.uppercased()
        baseModel = settings["base_model_name_or_path"].value.text.flatMap { $0.isEmpty ? nil : $0 }
        guard self.type == Self.lora else {
            // Other methods give the same names other meanings: OFT's rank is 0 where its blocks have a size.
            targetModules = (try? Self.names(settings, "target_modules")) ?? []
            (targetParameters, savedModules) = ([], (try? Self.names(settings, "modules_to_save")) ?? [])
            (isRankStabilized, isDirectional, isFanInFirst) = (false, false, false)
            rank = ((try? Self.number(settings["r"], "r")) ?? nil).flatMap { try? Self.rank($0, "r") }
            (alpha, rankPatterns, alphaPatterns) = (nil, [], [])
            obstacle = Problem(
                "adapters of this type are not merged", expected: Self.lora, found: self.type,
                hint: "peft's merge_and_unload writes the merged model")
            return
        }
        targetModules = try Self.names(settings, "target_modules")
        targetParameters = try Self.names(settings, "target_parameters")
        savedModules = try Self.names(settings, "modules_to_save")
        isRankStabilized = try Self.flag(settings, "use_rslora")
        isDirectional = try Self.flag(settings, "use_dora")
        isFanInFirst = try Self.flag(settings, "fan_in_fan_out")
        rank = try Self.number(settings["r"], "r").map { value throws(Problem) in try Self.rank(value, "r") }
        alpha = try Self.number(settings["lora_alpha"], "lora_alpha")
        rankPatterns = try Self.patterns(settings, "rank_pattern")
        for pattern in rankPatterns { _ = try Self.rank(pattern.value, "rank_pattern") }
        alphaPatterns = try Self.patterns(settings, "alpha_pattern")
        obstacle = Self.obstacle(settings)
    }

    private static let lora = "LORA"

    /// The rank of a module's change.
    ///
    /// - Parameter module: the name of the module in the base model.
    /// - Throws: ``Problem`` if no setting gives it.
    func rank(of module: String) throws(Problem) -> Int {
        if let pattern = Self.first(rankPatterns, module) { return try Self.rank(pattern.value, "rank_pattern") }
        guard let rank else { throw Problem("has no 'r'", subject: Self.fileName, expected: "the rank of the changes") }
        return rank
    }

    /// The factor of a module's change of the given rank: alpha over the rank, or over its root.
    func scale(of module: String, rank: Int) throws(Problem) -> Float {
        guard let alpha = Self.first(alphaPatterns, module)?.value ?? alpha else {
            throw Problem("has no 'lora_alpha'", subject: Self.fileName, expected: "the scale of the changes")
        }
        let scale = Float(alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)))
        guard scale.isFinite else {
            throw Problem(
                "'lora_alpha' is too large", subject: Self.fileName, expected: "a scale of single precision", found: "\(alpha)")
        }
        return scale
    }

    /// The first pattern that matches the module's whole name, or the end of it after a dot.
    ///
    /// Source: peft's `get_pattern_key`, `re.match(rf"(.*\.)?({key})$", name)`.
    private static func first(_ patterns: [Pattern], _ module: String) -> Pattern? {
        patterns.first { $0.expression.matches(module) }
    }

    private static func patterns(_ settings: JSONSection, _ name: String) throws(Problem) -> [Pattern] {
        guard !settings[name].isNull else { return [] }
        guard case .object(let members) = settings[name].value else { throw wrong(name, "an object of numbers", settings[name].value) }
        guard members.count <= 10_000 else { throw Problem("'\(name)' has too many entries", expected: "at most 10000") }
        var patterns: [Pattern] = []
        for member in members {
            guard let value = try number(JSONSection(value: member.value, place: name), name) else { continue }
            do {
                patterns.append(Pattern(expression: try RegularExpression("(.*\\.)?(\(member.name))"), value: value))
            } catch {
                throw error.about("'\(name)'")
            }
        }
        return patterns
    }

    private static func rank(_ value: Double, _ name: String) throws(Problem) -> Int {
        guard let rank = Int(exactly: value), (1...maximumRank).contains(rank) else {
            throw Problem("'\(name)' is not a rank", expected: "a whole number from 1 to \(maximumRank)", found: ByteText.shortest(value))
        }
        return rank
    }

    private static func number(_ section: JSONSection, _ name: String) throws(Problem) -> Double? {
        switch section.value {
        case .null: return nil
        case .integer(let value): return Double(value)
        case .number(let value) where value.isFinite: return value
        default: throw wrong(name, "a number", section.value)
        }
    }

    private static func flag(_ settings: JSONSection, _ name: String) throws(Problem) -> Bool {
        switch settings[name].value {
        case .null: return false
        case .bool(let flag): return flag
        default: throw wrong(name, "true or false", settings[name].value)
        }
    }

    /// A list of names, or one name.
    private static func names(_ settings: JSONSection, _ name: String) throws(Problem) -> [String] {
        switch settings[name].value {
        case .null: return []
        case .string(let text): return [text]
        case .list(let values):
            var names: [String] = []
            for value in values {
                guard let text = value.text else { throw wrong(name, "a list of names", value) }
                names.append(text)
            }
            return names
        default: throw wrong(name, "a list of names", settings[name].value)
        }
    }

    private static func wrong(_ name: String, _ expected: String, _ value: JSONValue) -> Problem {
        Problem("'\(name)' has a wrong value", expected: expected, found: value.kind)
    }

    /// Settings under which the merged weight is not W + B A, or the base model is another one than the one that is stored.
    private static let obstacles = [
        "layer_replication", "megatron_config", "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "kasa_config",
        "monteclora_config", "velora_config", "trainable_token_indices",
    ]
    /// Ways to begin that change the base model's weights, which are not kept.
    private static let initializations = ["pissa", "olora", "corda", "loftq", "lora_ga"]

    private static func obstacle(_ settings: JSONSection) -> Problem? {
        let hint: Hint = "peft's merge_and_unload writes the merged model"
        for name in obstacles where isSet(settings[name].value) {
            return Problem("adapters with '\(name)' are not merged", found: settings[name].value.kind, hint: hint)
        }
        if let start = settings["init_lora_weights"].value.text?.lowercased(), initializations.contains(where: start.hasPrefix) {
            return Problem(
                "adapters that change the base model as they begin are not merged", expected: "'init_lora_weights' true or false",
                found: start.quotedInMessage, hint: hint)
        }
        return nil
    }

    private static func isSet(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false): false
        case .list(let values): !values.isEmpty
        case .object(let members): !members.isEmpty
        default: true
        }
    }
}
