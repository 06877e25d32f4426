import Testing

@testable import Datasets

@Suite struct ModularAdditionTests {
    @Test func allPairsAreThereInOrder() throws {
        let dataset = try DatasetSource(path: "modadd:5").open()
        #expect(dataset.count == 25)
        #expect(dataset.name == "modadd:5")
        #expect(dataset.tokens?.maximumLength == 3)
        var pair = 0
        for a in 0..<5 {
            for b in 0..<5 {
                #expect(dataset.tokens?.tokens(of: pair) == [Int32(a), Int32(b), 5])
                #expect(dataset.answers?[pair] == Int32((a + b) % 5))
                pair += 1
            }
        }
    }

    @Test func trainAndTestShareThePairs() throws {
        func pairs(_ part: String, seed: UInt64 = 0, fraction: Double = 0.3) throws -> [Int] {
            let dataset = try DatasetSource(path: "modadd:113:" + part, trainFraction: fraction, seed: seed).open()
            let tokens = try #require(dataset.tokens)
            let numbers = (0..<dataset.count).map {
                Int(tokens.tokens(of: $0)[tokens.tokens(of: $0).startIndex]) * 113 + Int(tokens.tokens(of: $0).dropFirst().first ?? 0)
            }
            #expect(zip(numbers, dataset.answers ?? []).allSatisfy { (($0 / 113 + $0 % 113) % 113) == Int($1) })
            return numbers
        }
        let train = try pairs("train")
        let test = try pairs("test")
        #expect(train.count == 3830)
        #expect(train == train.sorted())
        #expect(test == test.sorted())
        #expect((train + test).sorted() == Array(0..<12769))
        #expect(try pairs("train") == train)
        #expect(try pairs("train", seed: 1) != train)
        // A larger part contains the smaller one of the same seed.
        #expect(Set(train).isSubset(of: try pairs("train", fraction: 0.5)))
        #expect(try pairs("test", fraction: 0).count == 12769)
        #expect(try pairs("train", fraction: 1).count == 12769)
    }

    @Test(arguments: [
        "modadd:", "modadd:1", "modadd:0", "modadd:-5", "modadd:5000000000", "modadd:99999999999999999999", "modadd:x", "modadd:5:",
        "modadd:5:all",
        "modadd:5:Train", "modadd:5:train:test", "modadd:5 ",
    ])
    func otherSpecificationsAreRefused(_ specification: String) {
        let text = problem { try DatasetSource(path: specification).open() }
        #expect(text?.hasPrefix(specification + ": no ") == true, "\(text ?? "no error")")
    }

    @Test func emptyPartsAndUselessOptionsAreRefused() {
        #expect(problem { try DatasetSource(path: "modadd:5:train", trainFraction: 0.03).open() }?.contains("the part is empty") == true)
        #expect(problem { try DatasetSource(path: "modadd:5:test", trainFraction: 1).open() }?.contains("the part is empty") == true)
        for fraction in [-0.1, 1.1, .nan, .infinity] {
            #expect(
                problem { try DatasetSource(path: "modadd:5:test", trainFraction: fraction).open() }?.contains("no train fraction") == true)
        }
        #expect(
            problem { try DatasetSource(path: "modadd:5", labels: "y").open() }
                == "modadd:5: the file of labels: does not apply to modular addition")
        #expect(
            problem { try DatasetSource(path: "modadd:5", context: 3).open() }
                == "modadd:5: the context length: does not apply to modular addition")
    }
}
