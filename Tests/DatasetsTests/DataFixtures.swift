import Archives
import Foundation
import TestSupport

@testable import Datasets

/// The contents of a file according to fixtures/make_data.py.
struct ExpectedData: Decodable, Sendable {
    let shape: [Int]?
    let values: [Float]?
    let normalized: [Float]?
    let firstValues: [Float]?
    let firstNormalized: [Float]?
    let labels: [Int32]?
    let tokens: [[Int32]]?
    let answers: [Int32]?

    enum CodingKeys: String, CodingKey {
        case shape, values, normalized, labels, tokens, answers
        case firstValues = "first values"
        case firstNormalized = "first normalized"
    }
}

/// The files of fixtures/data.
enum DataFixtures {
    static let expected: [String: ExpectedData] = {
        let data = try? Data(contentsOf: URL(fileURLWithPath: path("expected.json")))
        return data.flatMap { try? JSONDecoder().decode([String: ExpectedData].self, from: $0) } ?? [:]
    }()

    static func path(_ name: String) -> String { Fixtures.path("data/" + name) }

    static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    static func source(_ name: String) -> DatasetSource { DatasetSource(path: path(name)) }
}

/// Opens `bytes` as if they were a file called `path`. The page behind the bytes cannot be read: reading past the end ends the test.
func openDataset(_ bytes: [UInt8], path: String = "hostile", context: Int? = nil) throws -> Dataset {
    try DatasetSource(path: path, context: context, tokenize: { $0.utf8.map { Int32($0) } }).open(
        DataFile(guardedRegion(bytes), path: path))
}

/// The error that `open` throws, as text; nil if it succeeds. Every value and every token is read.
func problem(_ open: () throws -> Dataset) -> String? {
    do {
        let dataset = try open()
        switch dataset.inputs {
        case .values(let values): _ = values.values(of: 0..<values.count)
        case .tokens(let tokens): _ = tokens.largestToken()
        }
        return nil
    } catch {
        return "\(error)"
    }
}

extension Dataset {
    var values: SampleValues? { if case .values(let values) = inputs { values } else { nil } }
    var tokens: TokenSequences? { if case .tokens(let tokens) = inputs { tokens } else { nil } }
    var labels: [Int32]? { if case .labels(let labels) = targets { labels } else { nil } }
    var answers: [Int32]? { if case .answers(let answers) = targets { answers } else { nil } }
    var allValues: [Float]? { values.map { $0.values(of: 0..<$0.count) } }
    var allTokens: [[Int32]]? { tokens.map { tokens in (0..<tokens.count).map { Array(tokens.tokens(of: $0)) } } }
    var predictsNextToken: Bool { if case .nextToken = targets { true } else { false } }
    var hasNoTargets: Bool { if case .none = targets { true } else { false } }
}
