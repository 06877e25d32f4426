import Foundation
import TestSupport
import Testing

/// A run is resumed only if everything that its numbers depend on is unchanged; otherwise the error names what changed.
@Suite struct RunIdentityTests {
    /// A run that is started, and then resumed with one option at a time changed.
    private enum Base: CaseIterable {
        case plain, momentum, tokens, members, adapter, adapterOfMember, adapterOfFile

        var options: [(name: String, value: String?)] {
            let common: [(name: String, value: String?)] = [
                ("-o", "out.tar"), ("--state", "state"), ("--steps", "1000000"), ("--save-every", "1"), ("--batch", "4"),
            ]
            let samples: [(name: String, value: String?)] = [
                ("--data", "x"), ("--labels", "y"), ("--eval", "x"), ("--eval-labels", "y"), ("--eval-every", "1000"), ("-k", "2"),
            ]
            let own: [(name: String, value: String?)] =
                switch self {
                case .plain: samples + [(name: "--key", value: "model")]
                case .momentum: samples + [(name: "--optimizer", value: "sgd"), (name: "--momentum", value: "0.9")]
                case .tokens:
                    [(name: "--data", value: "tokens.bin"), (name: "--context", value: "8"), (name: "--token-type", value: "uint16")]
                case .adapter:
                    [
                        (name: "--data", value: Fixtures.path("adapters/tokens.npy")),
                        (name: "--base", value: Fixtures.path("transformers/gpt2")),
                    ]
                case .adapterOfMember:
                    [
                        (name: "--data", value: Fixtures.path("adapters/tokens.npy")), (name: "--base", value: "bases.tar"),
                        (name: "--base-member", value: "first/model.safetensors"),
                    ]
                case .adapterOfFile:
                    [
                        (name: "--data", value: Fixtures.path("adapters/tokens.npy")), (name: "--base", value: Fixtures.path("two-bases")),
                        (name: "--base-key", value: "model"),
                    ]
                case .members: samples + [(name: "--member", value: "a/model.safetensors")]
                }
            return common + own
        }

        var model: String {
            switch self {
            case .plain: Fixtures.path("two-keys.pt")
            case .momentum: "a/model.safetensors"
            case .tokens: Fixtures.path("gpt2-tiny")
            case .members: "models.tar"
            case .adapter, .adapterOfMember, .adapterOfFile: Fixtures.path("adapters/conv1d")
            }
        }
    }

    private struct Change {
        var base = Base.plain
        let value: String?
        /// How the refusal names the option, where not by itself.
        var named: String?
        /// Options that exclude it.
        var without: [String] = []
    }

    private static let changes: [String: Change] = [
        "--data": Change(value: "x2"), "--labels": Change(value: "y2"), "--normalize": Change(value: "0,2"),
        "--limit": Change(value: "10"), "--task": Change(value: "classify"), "--train-fraction": Change(value: "0.5"),
        "--context": Change(base: .tokens, value: "6"), "--token-type": Change(base: .tokens, value: "uint32"),
        "--lambda": Change(value: "3"), "--warmup": Change(value: "1"), "--method": Change(value: "contiguous"), "-k": Change(value: "3"),
        "--clusters": Change(value: "clusters", without: ["-k"]), "--layers": Change(value: "fc1.weight"),
        "--optimizer": Change(value: "adamw"), "--lr": Change(value: "0.1"), "--schedule": Change(value: "linear"),
        "--lr-warmup": Change(value: "2"), "--weight-decay": Change(value: "0.5"), "--betas": Change(value: "0.8,0.9"),
        "--eps": Change(value: "0.001"), "--clip": Change(value: "1"), "--batch": Change(value: "3"),
        "--full-batch": Change(value: nil, named: "--batch", without: ["--batch"]), "--accumulate": Change(value: "2"),
        "--momentum": Change(base: .momentum, value: "0.8"), "--nesterov": Change(base: .momentum, value: nil),
        "--epochs": Change(value: "1", named: "--epochs or --steps", without: ["--steps"]),
        "--steps": Change(value: "999999", named: "--epochs or --steps"),
        "--freeze": Change(value: "fc3*"), "--only": Change(value: "fc[12]*"),
        "--eval": Change(value: "x2"), "--eval-labels": Change(value: "y2"), "--eval-every": Change(value: "7"),
        "--eval-limit": Change(value: "5"), "--until": Change(value: "accuracy=1"), "--keep": Change(value: "best"),
        "--arch": Change(value: "fc1,tanh,fc2,relu,fc3"), "--key": Change(value: "ema"),
        "--base": Change(base: .adapter, value: "other-base"),
        "--base-member": Change(base: .adapterOfMember, value: "other-base/model.safetensors"),
        "--base-key": Change(base: .adapterOfFile, value: "ema"),
        "--config": Change(value: "width=8", named: "config.json or the tokenizer"),
        "--member": Change(base: .members, value: "b/model.safetensors"), "--seed": Change(value: "1"),
    ]

    /// Options that do not affect the numbers of a run.
    private static let mayChange: [String: String?] = [
        "--guard": "x", "--guard-labels": "y", "--log": "log", "--log-every": "3", "--save-every": "2", "--dtype": "f16",
        "--no-sha256": nil, "--threads": "2", "--output": "other.tar", "--force": nil, "--progress": nil,
    ]
    /// What says where the state is, or is not for runs.
    private static let others: Set = ["--state", "--resume", "--quiet", "--verbose", "--version", "--help", "-h"]

    private static func options() throws -> [String] {
        struct Dump: Decodable {
            struct Command: Decodable {
                struct Argument: Decodable {
                    struct Name: Decodable { let kind: String, name: String }
                    let names: [Name]?
                }
                let arguments: [Argument]?
            }
            let command: Command
        }
        let dump = try JSONDecoder().decode(Dump.self, from: BuiltCommand.run("finetune", "--experimental-dump-help").output)
        return (dump.command.arguments ?? []).compactMap { argument in
            (argument.names?.first { $0.kind == "long" } ?? argument.names?.first).map { ($0.kind == "long" ? "--" : "-") + $0.name }
        }
    }

    @Test func everyOptionHasAnAnswer() throws {
        let options = try Self.options()
        try #require(options.count > 40)
        for option in options {
            let answers = [Self.changes[option] != nil, Self.mayChange[option] != nil, Self.others.contains(option)].count { $0 }
            #expect(answers == 1, "\(option): may it change when a run goes on?")
        }
    }

    private func prepare(_ folder: String) throws {
        func write(_ data: Data, _ name: String) throws { try data.write(to: URL(fileURLWithPath: folder + "/" + name)) }
        for (name, factor) in [("x", 7), ("x2", 5)] {
            try write(IDXFile.bytes(shape: [20, 6], values: (0..<120).map { Float($0 * factor % 11) }), name)
        }
        for (name, factor) in [("y", 1), ("y2", 2)] {
            try write(IDXFile.bytes(shape: [20], values: (0..<20).map { UInt8($0 * factor % 3) }), name)
        }
        // Read as 32 bits these are token ids too.
        try write(Data((0..<480).flatMap { [UInt8($0 * 7 % 32), 0, 0, 0] }), "tokens.bin")
        let made = try BuiltCommand.shell(
            """
            cd "$1" && "$M" init mlp:6-8-8-3 -o a --quiet && "$M" init mlp:6-8-8-3 --seed 1 -o b --quiet && tar cf models.tar a b &&
            "$M" cluster a -k 2 --method contiguous -o clusters --quiet &&
            "$M" convert "$2" --dtype f64 -o other-base --quiet && cp -r "$2" first && tar cf bases.tar first other-base
            """, folder, Fixtures.path("transformers/gpt2"))
        try #require(made.status == 0, "\(made.errors)")
    }

    private func words(_ base: Base, _ options: [(name: String, value: String?)]) -> String {
        (["finetune", base.model] + options.flatMap { [$0.name] + ($0.value.map { [$0] } ?? []) }).map { "'\($0)'" }.joined(separator: " ")
    }

    @Test func everyChangeOfTheNumbersIsNamed() throws {
        try TemporaryFolder.with { folder in
            try prepare(folder)
            for base in Base.allCases {
                let begun = try BuiltCommand.shell(
                    """
                    cd "$1"; rm -f state; "$M" \(words(base, base.options)) 2> err & p=$!
                    while [ ! -s state ]; do kill -0 $p || { cat err >&2; exit 1; }; sleep 0.02; done; kill -9 $p; wait $p; exit 0
                    """, folder)
                try #require(begun.status == 0, "\(base): \(begun.errors)")
                for (option, change) in Self.changes.sorted(by: { $0.key < $1.key }) where change.base == base {
                    var options = base.options.filter { $0.name != option && !change.without.contains($0.name) }
                    options.append((name: option, value: change.value))
                    let result = try BuiltCommand.shell("cd \"$1\"; \"$M\" \(words(base, options)) --resume --quiet", folder)
                    let name = change.named ?? option
                    #expect(
                        result.status == 1 && result.errors.contains("the run was started with other options: ")
                            && result.errors.contains(" \(name) was "), "\(option): \(result.errors)")
                }
                guard base == .plain else { continue }
                // All that may change changes at once.
                var options = base.options.filter { $0.name != "-o" && $0.name != "--save-every" }
                options += Self.mayChange.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
                let goesOn = try BuiltCommand.shell(
                    """
                    cd "$1"; "$M" \(words(base, options)) --resume 2> err & p=$!
                    until grep -q 'resuming after step' err; do kill -0 $p 2> err2 || break; sleep 0.02; done; kill -9 $p; wait $p 2> err2; cat err >&2
                    """, folder)
                #expect(goesOn.errors.contains("resuming after step"), "\(goesOn.errors)")
                // A file that has been replaced.
                let other = try BuiltCommand.shell(
                    "cd \"$1\"; cp y y.old; cp y2 y; \"$M\" \(words(base, base.options)) --resume --quiet; s=$?; cp y.old y; exit $s",
                    folder)
                #expect(other.status == 1 && other.errors.contains("--labels was y (sha256"), "\(other.errors)")
            }
        }
    }

    @Test func aPipeCountsByWhatCameThrough() throws {
        try TemporaryFolder.with { folder in
            try prepare(folder)
            let line = "finetune a --data - --labels y -o out.tar --steps 1000000 --save-every 1 --quiet"
            let begun = try BuiltCommand.shell(
                """
                cd "$1"; "$M" \(line) < x & p=$!
                while [ ! -s out.tar.state ]; do kill -0 $p || exit 1; sleep 0.02; done; kill -9 $p; wait $p; exit 0
                """, folder)
            #expect(begun.status == 0, "\(begun.errors)")
            let other = try BuiltCommand.shell("cd \"$1\"; \"$M\" \(line) --resume < x2", folder)
            #expect(other.status == 1 && other.errors.contains("--data was - (sha256"), "\(other.errors)")
        }
    }

    @Test func aRunThatWasKilledBeforeItsFirstLineGoesOn() throws {
        try TemporaryFolder.with { folder in
            try prepare(folder)
            let result = try BuiltCommand.shell(
                """
                cd "$1"; "$M" finetune a --data x --labels y -o out.tar --steps 1000000 --save-every 1 --log log --quiet & p=$!
                while [ ! -s out.tar.state ]; do kill -0 $p || exit 1; sleep 0.02; done; kill -9 $p; wait $p
                : > log
                "$M" finetune a --data x --labels y -o out.tar --steps 1000000 --save-every 1 --log log --resume 2> err & p=$!
                until [ -s log ]; do kill -0 $p || break; sleep 0.02; done; kill -9 $p; wait $p; head -n 1 log; cat err >&2
                """, folder)
            #expect(result.text.contains("modinspect.finetune/1"), "\(result.text) \(result.errors)")
        }
    }
}
